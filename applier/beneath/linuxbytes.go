package beneath

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Chmod of a name is for a directory, also where it cannot be opened.
func (Linux) Chmod(fd int, name string, mode uint32) error {
	if name == "" {
		return unix.Fchmod(fd, mode)
	}
	err := unix.Fchmodat(fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
	if err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return err
	}
	at, err := unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return unix.Chmod(procPath(at), mode)
}

// Chown implements [Kernel].
func (Linux) Chown(fd int, name string, uid, gid uint32) error {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	return unix.Fchownat(fd, name, int(int32(uid)), int(int32(gid)), flags)
}

// SetTime of what is open is utimensat with a nil path, which x/sys/unix does not
// offer: its UtimesNanoAt always passes one.
func (Linux) SetTime(fd int, name string, sec int64, nsec int32) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: int64(nsec)}}
	if name != "" {
		return unix.UtimesNanoAt(fd, name, times, unix.AT_SYMLINK_NOFOLLOW)
	}
	_, _, no := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times[0])), 0, 0, 0)
	if no != 0 {
		return no
	}
	return nil
}

// Xattrs implements [Kernel].
func (Linux) Xattrs(fd int, into []byte) (int, error) { return unix.Flistxattr(fd, into) }

// Xattr implements [Kernel].
func (Linux) Xattr(fd int, name string, into []byte) (int, error) {
	return unix.Fgetxattr(fd, name, into)
}

// SetXattr implements [Kernel].
func (Linux) SetXattr(fd int, name string, value []byte) error {
	return unix.Fsetxattr(fd, name, value, 0)
}

// RemoveXattr implements [Kernel].
func (Linux) RemoveXattr(fd int, name string) error { return unix.Fremovexattr(fd, name) }

// ReadAt implements [Kernel].
func (Linux) ReadAt(fd int, p []byte, off int64) (int, error) { return unix.Pread(fd, p, off) }

// WriteAt implements [Kernel].
func (Linux) WriteAt(fd int, p []byte, off int64) (int, error) { return unix.Pwrite(fd, p, off) }

// Truncate implements [Kernel].
func (Linux) Truncate(fd int, size int64) error { return unix.Ftruncate(fd, size) }

// Clone implements [Kernel].
func (Linux) Clone(fd, src int) error { return unix.IoctlFileClone(fd, src) }

// Seek implements [Kernel].
func (Linux) Seek(fd int, off int64, whence int) (int64, error) { return unix.Seek(fd, off, whence) }

// Sync implements [Kernel].
func (Linux) Sync(fd int) error { return unix.Fsync(fd) }

// SyncData implements [Kernel].
func (Linux) SyncData(fd int) error { return unix.Fdatasync(fd) }

// SyncAll implements [Kernel].
func (Linux) SyncAll(fd int) error { return unix.Syncfs(fd) }

// WriteBehind is sync_file_range(2).
func (Linux) WriteBehind(fd int, off, n int64) {
	_ = unix.SyncFileRange(fd, off, n, unix.SYNC_FILE_RANGE_WRITE)
}
