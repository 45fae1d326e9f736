package beneath

import (
	"io"

	"golang.org/x/sys/unix"
)

// File is an open file. Reading and writing at different places may happen at
// once.
type File struct {
	sys  *system
	fd   int
	name string
}

// Name is the name it was opened by.
func (f *File) Name() string { return f.name }

// Close gives the descriptor back. A write error that only shows here counts.
func (f *File) Close() error { return fail("close", f.name, f.sys.kernel.Close(f.fd)) }

// Stat looks at the open file.
func (f *File) Stat() (Stat, error) { return f.sys.stat(f.fd, "") }

// ReadAt reads as [io.ReaderAt] says.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		var got int
		err := again(func() (err error) {
			got, err = f.sys.kernel.ReadAt(f.fd, p[n:], off+int64(n))
			return err
		})
		if err != nil {
			return n, fail("read", f.name, err)
		}
		if got == 0 {
			return n, io.EOF
		}
		n += got
	}
	return n, nil
}

// WriteAt writes as [io.WriterAt] says.
func (f *File) WriteAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		var got int
		err := f.sys.change("write", f.name, func() (err error) {
			got, err = f.sys.kernel.WriteAt(f.fd, p[n:], off+int64(n))
			return err
		})
		if err != nil {
			return n, err
		}
		n += got
	}
	return n, nil
}

// LinkAs gives a file without a name its first one; EEXIST if something has it.
func (f *File) LinkAs(dir *Dir, name string) error {
	if err := single("link", name); err != nil {
		return err
	}
	return f.sys.change("link", name, func() error { return f.sys.kernel.LinkOpen(f.fd, dir.fd, name) })
}

// Truncate sets the size.
func (f *File) Truncate(size int64) error {
	return f.sys.change("truncate", f.name, func() error { return f.sys.kernel.Truncate(f.fd, size) })
}

// Chmod sets the mode, set-id bits and sticky included.
func (f *File) Chmod(mode uint32) error {
	return f.sys.change("chmod", f.name, func() error { return f.sys.kernel.Chmod(f.fd, "", mode) })
}

// Chown sets the owner; ^uint32(0) leaves a part as it is.
func (f *File) Chown(uid, gid uint32) error {
	return f.sys.change("chown", f.name, func() error { return f.sys.kernel.Chown(f.fd, "", uid, gid) })
}

// SetTime sets the mtime.
func (f *File) SetTime(sec int64, nsec int32) error {
	return f.sys.change("set times", f.name, func() error { return f.sys.kernel.SetTime(f.fd, "", sec, nsec) })
}

// Sync flushes bytes and attributes. After a failure the file must be dropped:
// the kernel forgets what it could not write, and the next fsync succeeds.
func (f *File) Sync() error {
	return f.sys.change("fsync", f.name, func() error { return f.sys.kernel.Sync(f.fd) })
}

// SyncData flushes the bytes and the size. See [File.Sync].
func (f *File) SyncData() error {
	return f.sys.change("fdatasync", f.name, func() error { return f.sys.kernel.SyncData(f.fd) })
}

// WriteBehind begins to write a range to the disk and does not wait for it. It promises
// nothing, see sync_file_range(2); it makes a later Sync short.
func (f *File) WriteBehind(off, n int64) { f.sys.kernel.WriteBehind(f.fd, off, n) }

// Clone makes the file share all of src's bytes, where the file system can
// (btrfs, XFS): EOPNOTSUPP, EXDEV or EINVAL elsewhere.
func (f *File) Clone(src *File) error {
	return f.sys.change("clone", f.name, func() error { return f.sys.kernel.Clone(f.fd, src.fd) })
}

// NextData is the first place at or after off that may hold bytes other than
// zeros; io.EOF when only a hole is left. Without SEEK_DATA that is off.
func (f *File) NextData(off int64) (int64, error) { return f.seek(off, unix.SEEK_DATA) }

// NextHole is the end of the data that begins at off.
func (f *File) NextHole(off int64) (int64, error) { return f.seek(off, unix.SEEK_HOLE) }

func (f *File) seek(off int64, whence int) (at int64, err error) {
	at, err = f.sys.kernel.Seek(f.fd, off, whence)
	switch err {
	case nil:
		return at, nil
	case unix.ENXIO:
		return 0, io.EOF
	case unix.EINVAL:
		return off, nil
	}
	return 0, fail("seek", f.name, err)
}
