package beneath

import (
	"io"

	"golang.org/x/sys/unix"
)

// File is an open file. Reading and writing at different places may happen at
// once.
type File struct {
	fd    int
	name  string
	calls Calls
}

// Name is the name it was opened by.
func (f *File) Name() string { return f.name }

// Close gives the descriptor back. A write error that only shows here counts.
func (f *File) Close() error { return fail("close", f.name, unix.Close(f.fd)) }

// Stat looks at the open file.
func (f *File) Stat() (Stat, error) { return statx(f.fd, "", unix.AT_EMPTY_PATH) }

// ReadAt reads as [io.ReaderAt] says.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		var got int
		err := again(func() (err error) {
			got, err = unix.Pread(f.fd, p[n:], off+int64(n))
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
		err := change(f.calls, "write", f.name, func() (err error) {
			got, err = unix.Pwrite(f.fd, p[n:], off+int64(n))
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
// Kernels before 6.10 let only root name a descriptor without /proc, see linkat(2).
func (f *File) LinkAs(dir *Dir, name string) error {
	if err := single("link", name); err != nil {
		return err
	}
	return change(f.calls, "link", name, func() error {
		err := unix.Linkat(f.fd, "", dir.fd, name, unix.AT_EMPTY_PATH)
		if err == unix.ENOENT || err == unix.EPERM {
			return unix.Linkat(unix.AT_FDCWD, procPath(f.fd), dir.fd, name, unix.AT_SYMLINK_FOLLOW)
		}
		return err
	})
}

// Truncate sets the size.
func (f *File) Truncate(size int64) error {
	return change(f.calls, "truncate", f.name, func() error { return unix.Ftruncate(f.fd, size) })
}

// Chmod sets the mode, set-id bits and sticky included.
func (f *File) Chmod(mode uint32) error {
	return change(f.calls, "chmod", f.name, func() error { return unix.Fchmod(f.fd, mode) })
}

// Chown sets the owner; ^uint32(0) leaves a part as it is.
func (f *File) Chown(uid, gid uint32) error {
	return change(f.calls, "chown", f.name, func() error {
		return unix.Fchownat(f.fd, "", int(int32(uid)), int(int32(gid)), unix.AT_EMPTY_PATH)
	})
}

// SetTime sets the mtime.
func (f *File) SetTime(sec int64, nsec int32) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: int64(nsec)}}
	return change(f.calls, "set times", f.name, func() error { return futimens(f.fd, times) })
}

// Sync flushes bytes and attributes. After a failure the file must be dropped:
// the kernel forgets what it could not write, and the next fsync succeeds.
func (f *File) Sync() error {
	return change(f.calls, "fsync", f.name, func() error { return unix.Fsync(f.fd) })
}

// SyncData flushes the bytes and the size. See [File.Sync].
func (f *File) SyncData() error {
	return change(f.calls, "fdatasync", f.name, func() error { return unix.Fdatasync(f.fd) })
}

// WriteBehind begins to write a range to the disk and does not wait for it. It promises
// nothing, see sync_file_range(2); it makes a later Sync short.
func (f *File) WriteBehind(off, n int64) {
	_ = unix.SyncFileRange(f.fd, off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// Clone makes the file share all of src's bytes, where the file system can
// (btrfs, XFS): EOPNOTSUPP, EXDEV or EINVAL elsewhere.
func (f *File) Clone(src *File) error {
	return change(f.calls, "clone", f.name, func() error { return unix.IoctlFileClone(f.fd, src.fd) })
}

// NextData is the first place at or after off that may hold bytes other than
// zeros; io.EOF when only a hole is left. Without SEEK_DATA that is off.
func (f *File) NextData(off int64) (int64, error) { return f.seek(off, unix.SEEK_DATA) }

// NextHole is the end of the data that begins at off.
func (f *File) NextHole(off int64) (int64, error) { return f.seek(off, unix.SEEK_HOLE) }

func (f *File) seek(off int64, whence int) (at int64, err error) {
	at, err = unix.Seek(f.fd, off, whence)
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
