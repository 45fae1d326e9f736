package beneath

import (
	"golang.org/x/sys/unix"
)

// Dir is an open directory. Its methods may be called at once; every name is
// one component and is never followed if it is a link.
type Dir struct {
	sys *system
	fd  int
}

// Close gives the descriptor back.
func (d *Dir) Close() error { return fail("close", "directory", d.sys.kernel.Close(d.fd)) }

// Again opens the same directory once more.
func (d *Dir) Again() (*Dir, error) {
	fd, err := d.sys.kernel.Dup(d.fd)
	if err != nil {
		return nil, fail("open directory", ".", err)
	}
	return &Dir{d.sys, fd}, nil
}

// Dir opens a directory in this one.
func (d *Dir) Dir(name string) (*Dir, error) {
	if err := single("open directory", name); err != nil {
		return nil, err
	}
	var fd int
	err := again(func() (err error) {
		fd, err = d.sys.kernel.OpenAt(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return err
	})
	if err != nil {
		return nil, fail("open directory", name, err)
	}
	return &Dir{d.sys, fd}, nil
}

// File is the directory as a file, for its owner, mode and attributes. It
// shares the descriptor: do not close it.
func (d *Dir) File() *File { return &File{d.sys, d.fd, "."} }

// Stat looks at a name.
func (d *Dir) Stat(name string) (Stat, error) {
	if err := single("stat", name); err != nil {
		return Stat{}, err
	}
	return d.sys.stat(d.fd, name)
}

// Self looks at the directory.
func (d *Dir) Self() (Stat, error) { return d.sys.stat(d.fd, "") }

// Create makes a file that did not exist, open for reading and writing.
func (d *Dir) Create(name string, mode uint32) (*File, error) {
	return d.open("create", name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, mode)
}

// CreateNameless makes a file that is in no directory until [File.LinkAs]; without
// it the file ends with its descriptor. See O_TMPFILE in open(2).
func (d *Dir) CreateNameless(mode uint32) (f *File, err error) {
	err = d.sys.change("create", "", func() error {
		fd, err := d.sys.kernel.OpenAt(d.fd, ".", unix.O_RDWR|unix.O_TMPFILE, mode)
		f = &File{d.sys, fd, ""}
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
		fd, err = d.sys.kernel.OpenAt(d.fd, name, flags, mode)
		return err
	}
	var err error
	if flags&unix.O_CREAT != 0 {
		err = d.sys.change(op, name, call)
	} else {
		err = fail(op, name, again(call))
	}
	if err != nil {
		return nil, err
	}
	return &File{d.sys, fd, name}, nil
}

// Mkdir makes a directory.
func (d *Dir) Mkdir(name string, mode uint32) error {
	if err := single("mkdir", name); err != nil {
		return err
	}
	return d.sys.change("mkdir", name, func() error { return d.sys.kernel.Mkdir(d.fd, name, mode) })
}

// Symlink makes a link; target is data and is never looked at.
func (d *Dir) Symlink(target, name string) error {
	if err := single("symlink", name); err != nil {
		return err
	}
	return d.sys.change("symlink", name, func() error { return d.sys.kernel.Symlink(target, d.fd, name) })
}

// Readlink reads a link's target.
func (d *Dir) Readlink(name string) (string, error) {
	if err := single("readlink", name); err != nil {
		return "", err
	}
	target, err := d.sys.kernel.Readlink(d.fd, name)
	return target, fail("readlink", name, err)
}

// Link gives a file another name.
func (d *Dir) Link(name string, to *Dir, newName string) error {
	if single("link", name) != nil || single("link", newName) != nil {
		return fail("link", name, unix.EINVAL)
	}
	return d.sys.change("link", newName, func() error { return d.sys.kernel.Link(d.fd, name, to.fd, newName) })
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
	return d.sys.change("rename", newName, func() error {
		err := d.sys.kernel.Rename(d.fd, name, to.fd, newName, how)
		if how == NoReplace && (err == unix.EINVAL || err == unix.ENOSYS) {
			if _, err := to.Stat(newName); err == nil {
				return unix.EEXIST
			}
			err = d.sys.kernel.Rename(d.fd, name, to.fd, newName, Replace)
		}
		return err
	})
}

// Unlink removes a name that is not a directory.
func (d *Dir) Unlink(name string) error {
	if err := single("unlink", name); err != nil {
		return err
	}
	return d.sys.change("unlink", name, func() error { return d.sys.kernel.Unlink(d.fd, name, false) })
}

// Rmdir removes an empty directory.
func (d *Dir) Rmdir(name string) error {
	if err := single("rmdir", name); err != nil {
		return err
	}
	return d.sys.change("rmdir", name, func() error { return d.sys.kernel.Unlink(d.fd, name, true) })
}

// Chmod sets the mode of a directory by its name, also where it cannot be opened.
func (d *Dir) Chmod(name string, mode uint32) error {
	if err := single("chmod", name); err != nil {
		return err
	}
	return d.sys.change("chmod", name, func() error { return d.sys.kernel.Chmod(d.fd, name, mode) })
}

// ChownLink sets the owner of a symbolic link, not of its target.
func (d *Dir) ChownLink(name string, uid, gid uint32) error {
	if err := single("chown", name); err != nil {
		return err
	}
	return d.sys.change("chown", name, func() error { return d.sys.kernel.Chown(d.fd, name, uid, gid) })
}

// TimeLink sets the mtime of a symbolic link, not of its target.
func (d *Dir) TimeLink(name string, sec int64, nsec int32) error {
	if err := single("set times", name); err != nil {
		return err
	}
	return d.sys.change("set times", name, func() error { return d.sys.kernel.SetTime(d.fd, name, sec, nsec) })
}

// Sync flushes the directory: its names are on disk afterwards.
func (d *Dir) Sync() error {
	return d.sys.change("fsync", ".", func() error { return d.sys.kernel.Sync(d.fd) })
}

// SyncAll flushes the whole file system, and reports a write error that
// happened since this Dir was opened (Linux 5.8).
func (d *Dir) SyncAll() error {
	return d.sys.change("syncfs", ".", func() error { return d.sys.kernel.SyncAll(d.fd) })
}

// Space is how many bytes of the directory's file system we may still use, and how many it has.
func (d *Dir) Space() (free, all int64, err error) {
	err = again(func() error {
		free, all, err = d.sys.kernel.Space(d.fd)
		return err
	})
	return free, all, fail("look at the free space of", "", err)
}
