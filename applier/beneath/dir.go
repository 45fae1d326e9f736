package beneath

import (
	"golang.org/x/sys/unix"
)

// Dir is an open directory. Its methods may be called at once; every name is
// one component and is never followed if it is a link.
type Dir struct {
	fd    int
	calls Calls
}

// Close gives the descriptor back.
func (d *Dir) Close() error { return fail("close", "directory", unix.Close(d.fd)) }

// Again opens the same directory once more.
func (d *Dir) Again() (*Dir, error) {
	fd, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fail("open directory", ".", err)
	}
	return &Dir{fd: fd, calls: d.calls}, nil
}

// Dir opens a directory in this one.
func (d *Dir) Dir(name string) (*Dir, error) {
	if err := single("open directory", name); err != nil {
		return nil, err
	}
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd, name, dirFlags, 0)
		return err
	})
	if err != nil {
		return nil, fail("open directory", name, err)
	}
	return &Dir{fd: fd, calls: d.calls}, nil
}

// File is the directory as a file, for its owner, mode and attributes. It
// shares the descriptor: do not close it.
func (d *Dir) File() *File { return &File{fd: d.fd, name: ".", calls: d.calls} }

// Stat looks at a name.
func (d *Dir) Stat(name string) (Stat, error) {
	if err := single("stat", name); err != nil {
		return Stat{}, err
	}
	return statx(d.fd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// Self looks at the directory.
func (d *Dir) Self() (Stat, error) { return statx(d.fd, "", unix.AT_EMPTY_PATH) }

// Create makes a file that did not exist, open for reading and writing.
func (d *Dir) Create(name string, mode uint32) (*File, error) {
	return d.open("create", name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, mode)
}

// CreateNameless makes a file that is in no directory until [File.LinkAs]; without
// it the file ends with its descriptor. See O_TMPFILE in open(2).
func (d *Dir) CreateNameless(mode uint32) (f *File, err error) {
	err = change(d.calls, "create", "", func() error {
		fd, err := unix.Openat(d.fd, ".", unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, mode)
		f = &File{fd: fd, calls: d.calls}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Read opens an existing file for reading. O_NONBLOCK: a FIFO cannot trap us.
func (d *Dir) Read(name string) (*File, error) {
	return d.open("open", name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// Write opens an existing file for reading and writing, for appends.
func (d *Dir) Write(name string) (*File, error) {
	return d.open("open for writing", name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

func (d *Dir) open(op, name string, flags int, mode uint32) (*File, error) {
	if err := single(op, name); err != nil {
		return nil, err
	}
	var fd int
	call := func() (err error) {
		fd, err = unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		return err
	}
	var err error
	if flags&unix.O_CREAT != 0 {
		err = change(d.calls, op, name, call)
	} else {
		err = fail(op, name, again(call))
	}
	if err != nil {
		return nil, err
	}
	return &File{fd: fd, name: name, calls: d.calls}, nil
}

// Mkdir makes a directory.
func (d *Dir) Mkdir(name string, mode uint32) error {
	if err := single("mkdir", name); err != nil {
		return err
	}
	return change(d.calls, "mkdir", name, func() error { return unix.Mkdirat(d.fd, name, mode) })
}

// Symlink makes a link; target is data and is never looked at.
func (d *Dir) Symlink(target, name string) error {
	if err := single("symlink", name); err != nil {
		return err
	}
	return change(d.calls, "symlink", name, func() error { return unix.Symlinkat(target, d.fd, name) })
}

// Readlink reads a link's target.
func (d *Dir) Readlink(name string) (string, error) {
	if err := single("readlink", name); err != nil {
		return "", err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.fd, name, buf)
	if err != nil {
		return "", fail("readlink", name, err)
	}
	return string(buf[:n]), nil
}

// Link gives a file another name.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	if single("link", name) != nil || single("link", newName) != nil {
		return fail("link", name, unix.EINVAL)
	}
	return change(d.calls, "link", newName, func() error { return unix.Linkat(d.fd, name, to.fd, newName, 0) })
}

// How a rename treats what already has the new name.
const (
	Replace   = 0                     // a file, a link or an empty directory gives way
	NoReplace = unix.RENAME_NOREPLACE // EEXIST
	Exchange  = unix.RENAME_EXCHANGE  // both swap; ENOENT if there is nothing
)

// Rename moves a name. Where the file system has no NoReplace (EINVAL), a look
// comes before a plain rename; Exchange then fails with EINVAL.
func (d *Dir) Rename(name string, to *Dir, newName string, how uint) error {
	if single("rename", name) != nil || single("rename", newName) != nil {
		return fail("rename", name, unix.EINVAL)
	}
	return change(d.calls, "rename", newName, func() error {
		err := unix.Renameat2(d.fd, name, to.fd, newName, how)
		if how == NoReplace && (err == unix.EINVAL || err == unix.ENOSYS) {
			if _, err := to.Stat(newName); err == nil {
				return unix.EEXIST
			}
			err = unix.Renameat(d.fd, name, to.fd, newName)
		}
		return err
	})
}

// Unlink removes a name that is not a directory.
func (d *Dir) Unlink(name string) error {
	if err := single("unlink", name); err != nil {
		return err
	}
	return change(d.calls, "unlink", name, func() error { return unix.Unlinkat(d.fd, name, 0) })
}

// Rmdir removes an empty directory.
func (d *Dir) Rmdir(name string) error {
	if err := single("rmdir", name); err != nil {
		return err
	}
	return change(d.calls, "rmdir", name, func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) })
}

// Chmod sets the mode of a directory by its name, also where it cannot be opened.
func (d *Dir) Chmod(name string, mode uint32) error {
	if err := single("chmod", name); err != nil {
		return err
	}
	return change(d.calls, "chmod", name, func() error {
		err := unix.Fchmodat(d.fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
		if err != unix.EOPNOTSUPP && err != unix.ENOSYS {
			return err
		}
		fd, err := unix.Openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Chmod(procPath(fd), mode)
	})
}

// ChownLink sets the owner of a symbolic link, not of its target.
func (d *Dir) ChownLink(name string, uid, gid uint32) error {
	if err := single("chown", name); err != nil {
		return err
	}
	return change(d.calls, "chown", name, func() error {
		return unix.Fchownat(d.fd, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

// TimeLink sets the mtime of a symbolic link, not of its target.
func (d *Dir) TimeLink(name string, sec int64, nsec int32) error {
	if err := single("set times", name); err != nil {
		return err
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: sec, Nsec: int64(nsec)}}
	return change(d.calls, "set times", name, func() error {
		return unix.UtimesNanoAt(d.fd, name, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// Sync flushes the directory: its names are on disk afterwards.
func (d *Dir) Sync() error {
	return change(d.calls, "fsync", ".", func() error { return unix.Fsync(d.fd) })
}

// SyncAll flushes the whole file system, and reports a write error that
// happened since this Dir was opened (Linux 5.8).
func (d *Dir) SyncAll() error {
	return change(d.calls, "syncfs", ".", func() error { return unix.Syncfs(d.fd) })
}
