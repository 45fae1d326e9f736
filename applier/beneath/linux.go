package beneath

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// Linux is the kernel itself.
type Linux struct{}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// Open implements [Kernel].
func (Linux) Open(path string) (int, error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// OpenBeneath is one openat2. EAGAIN means that the kernel saw a rename race
// and cannot tell; it is rare, and another try settles it.
func (Linux) OpenBeneath(dir int, rel string) (fd int, err error) {
	how := unix.OpenHow{Flags: dirFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	for range 16 {
		if fd, err = unix.Openat2(dir, rel, &how); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return fd, err
}

// OpenAt implements [Kernel].
func (Linux) OpenAt(dir int, name string, flags int, mode uint32) (int, error) {
	return unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
}

// Dup implements [Kernel].
func (Linux) Dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// Close implements [Kernel].
func (Linux) Close(fd int) error { return unix.Close(fd) }

// Find implements [Kernel].
func (Linux) Find(path string) (Stat, error) { return statx(unix.AT_FDCWD, path, 0) }

// ReadOnly implements [Kernel].
func (Linux) ReadOnly(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}

// Stat implements [Kernel].
func (Linux) Stat(fd int, name string) (Stat, error) {
	if name == "" {
		return statx(fd, "", unix.AT_EMPTY_PATH)
	}
	return statx(fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// Space implements [Kernel].
func (Linux) Space(fd int) (free, all int64, err error) {
	var fs unix.Statfs_t
	err = unix.Fstatfs(fd, &fs)
	piece := cmp.Or(fs.Frsize, fs.Bsize)
	return int64(fs.Bavail) * piece, int64(fs.Blocks) * piece, err
}

// Readlink implements [Kernel].
func (Linux) Readlink(dir int, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buf)
	return string(buf[:max(n, 0)]), err
}

// List reads in the kernel's order, through a descriptor of its own.
func (Linux) List(dir int, visit func(name string) error) error {
	fd, err := unix.Openat(dir, ".", dirFlags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, 32<<10)
	var names []string
	for {
		n := 0
		err := again(func() (err error) {
			n, err = unix.Getdents(fd, buf)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
	}
}

// Mkdir implements [Kernel].
func (Linux) Mkdir(dir int, name string, mode uint32) error { return unix.Mkdirat(dir, name, mode) }

// Symlink implements [Kernel].
func (Linux) Symlink(target string, dir int, name string) error {
	return unix.Symlinkat(target, dir, name)
}

// Link implements [Kernel].
func (Linux) Link(from int, name string, to int, newName string) error {
	return unix.Linkat(from, name, to, newName, 0)
}

// LinkOpen: kernels before 6.10 let only root name a descriptor without /proc, see linkat(2).
func (Linux) LinkOpen(fd int, to int, newName string) error {
	err := unix.Linkat(fd, "", to, newName, unix.AT_EMPTY_PATH)
	if err == unix.ENOENT || err == unix.EPERM {
		return unix.Linkat(unix.AT_FDCWD, procPath(fd), to, newName, unix.AT_SYMLINK_FOLLOW)
	}
	return err
}

// Rename implements [Kernel].
func (Linux) Rename(from int, name string, to int, newName string, how uint) error {
	if how == Replace {
		return unix.Renameat(from, name, to, newName)
	}
	return unix.Renameat2(from, name, to, newName, how)
}

// Unlink implements [Kernel].
func (Linux) Unlink(in int, name string, dir bool) error {
	if dir {
		return unix.Unlinkat(in, name, unix.AT_REMOVEDIR)
	}
	return unix.Unlinkat(in, name, 0)
}
