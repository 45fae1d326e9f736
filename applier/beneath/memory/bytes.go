package memory

import (
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// alter changes what a name, or with none an open node, has besides its name.
func (d *Disk) alter(fd int, name string, how func(n *inode) error) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	n, err := d.find(fd, name)
	if err != nil {
		return err
	}
	if err := how(n); err != nil {
		return err
	}
	d.touch(n)
	return nil
}

// Chmod implements [beneath.Kernel].
func (d *Disk) Chmod(fd int, name string, mode uint32) error {
	return d.alter(fd, name, func(n *inode) error {
		n.mode = mode & 0o7777
		return nil
	})
}

// Chown implements [beneath.Kernel].
func (d *Disk) Chown(fd int, name string, uid, gid uint32) error {
	return d.alter(fd, name, func(n *inode) error {
		if uid != ^uint32(0) {
			n.uid = uid
		}
		if gid != ^uint32(0) {
			n.gid = gid
		}
		if n.kind == unix.S_IFREG {
			n.mode &^= unix.S_ISUID | unix.S_ISGID
		}
		return nil
	})
}

// SetTime implements [beneath.Kernel].
func (d *Disk) SetTime(fd int, name string, sec int64, nsec int32) error {
	return d.alter(fd, name, func(n *inode) error {
		n.mtime = time.Unix(sec, int64(nsec)).UTC()
		return nil
	})
}

// SetXattr implements [beneath.Kernel].
func (d *Disk) SetXattr(fd int, name string, value []byte) error {
	return d.alter(fd, "", func(n *inode) error {
		n.xattrs = cloned(n.xattrs)
		if n.xattrs == nil {
			n.xattrs = make(map[string]string)
		}
		n.xattrs[name] = string(value)
		return nil
	})
}

// RemoveXattr implements [beneath.Kernel].
func (d *Disk) RemoveXattr(fd int, name string) error {
	return d.alter(fd, "", func(n *inode) error {
		if _, ok := n.xattrs[name]; !ok {
			return unix.ENODATA
		}
		n.xattrs = cloned(n.xattrs)
		delete(n.xattrs, name)
		return nil
	})
}

// Xattrs implements [beneath.Kernel].
func (d *Disk) Xattrs(fd int, into []byte) (int, error) {
	return d.read(fd, into, func(n *inode) (string, error) {
		var names []string
		for name := range n.xattrs {
			names = append(names, name+"\x00")
		}
		sort.Strings(names)
		return strings.Join(names, ""), nil
	})
}

// Xattr implements [beneath.Kernel].
func (d *Disk) Xattr(fd int, name string, into []byte) (int, error) {
	return d.read(fd, into, func(n *inode) (string, error) {
		value, ok := n.xattrs[name]
		if !ok {
			return "", unix.ENODATA
		}
		return value, nil
	})
}

func (d *Disk) read(fd int, into []byte, what func(n *inode) (string, error)) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return 0, err
	}
	n, err := d.at(fd)
	if err != nil {
		return 0, err
	}
	text, err := what(n)
	if err == nil && len(text) > len(into) {
		err = unix.ERANGE
	}
	return copy(into, text), err
}

// ReadAt implements [beneath.Kernel].
func (d *Disk) ReadAt(fd int, p []byte, off int64) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return 0, err
	}
	n, err := d.at(fd)
	if err != nil {
		return 0, err
	}
	return copy(p, n.data[min(off, int64(len(n.data))):]), nil
}

// WriteAt implements [beneath.Kernel].
func (d *Disk) WriteAt(fd int, p []byte, off int64) (int, error) {
	err := d.alter(fd, "", func(n *inode) error {
		n.resize(max(int64(len(n.data)), off+int64(len(p))))
		copy(n.data[off:], p)
		d.written(n)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Truncate implements [beneath.Kernel].
func (d *Disk) Truncate(fd int, size int64) error {
	return d.alter(fd, "", func(n *inode) error {
		n.resize(size)
		d.written(n)
		return nil
	})
}

func (n *inode) resize(size int64) {
	if grow := size - int64(len(n.data)); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	n.data = n.data[:size]
}

// written tells what a reader meets in a file.
func (d *Disk) written(n *inode) {
	n.mtime = d.tick()
	if d.Seen == nil {
		return
	}
	for p := range n.places {
		if path, ok := d.path(p.dir, p.name); ok {
			d.Seen(path, n.data)
		}
	}
}

// Clone is what this file system cannot do.
func (d *Disk) Clone(int, int) error { return unix.EOPNOTSUPP }

// Seek finds no holes.
func (d *Disk) Seek(fd int, off int64, whence int) (int64, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return 0, err
	}
	n, err := d.at(fd)
	switch size := int64(len(n.data)); {
	case err != nil:
		return 0, err
	case off >= size:
		return 0, unix.ENXIO
	case whence == unix.SEEK_HOLE:
		return size, nil
	}
	return off, nil
}

// WriteBehind does nothing.
func (d *Disk) WriteBehind(int, int64, int64) {}
