package memory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

// Open implements [beneath.Kernel]: every path leads to the one directory.
func (d *Disk) Open(string) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return -1, err
	}
	return d.open(d.root), nil
}

// OpenBeneath implements [beneath.Kernel].
func (d *Disk) OpenBeneath(dir int, rel string) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return -1, err
	}
	n, err := d.dir(dir)
	if err == nil && len(rel) >= unix.PathMax {
		err = unix.ENAMETOOLONG
	}
	for name := range strings.SplitSeq(rel, "/") {
		if err != nil {
			return -1, err
		}
		if n, err = n.child(name); err == nil && n.kind == unix.S_IFLNK {
			err = unix.ELOOP
		} else if err == nil && n.kind != unix.S_IFDIR {
			err = unix.ENOTDIR
		}
	}
	if err != nil {
		return -1, err
	}
	return d.open(n), nil
}

// OpenAt implements [beneath.Kernel].
func (d *Disk) OpenAt(dir int, name string, flags int, mode uint32) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return -1, err
	}
	in, err := d.dir(dir)
	if err != nil {
		return -1, err
	}
	if flags&unix.O_TMPFILE == unix.O_TMPFILE {
		n := d.make(unix.S_IFREG, mode)
		n.secret = true
		return d.open(n), nil
	}
	n, err := in.child(name)
	switch {
	case err == nil && flags&unix.O_CREAT != 0:
		return -1, unix.EEXIST
	case err == unix.ENOENT && flags&unix.O_CREAT != 0:
		n = d.make(unix.S_IFREG, mode)
		if err := d.rename(step{in, name, n}); err != nil {
			return -1, err
		}
	case err != nil:
		return -1, err
	case flags&unix.O_DIRECTORY != 0 && n.kind != unix.S_IFDIR:
		return -1, unix.ENOTDIR
	case n.kind == unix.S_IFLNK:
		return -1, unix.ELOOP
	case n.kind == unix.S_IFDIR && flags&unix.O_RDWR != 0:
		return -1, unix.EISDIR
	}
	return d.open(n), nil
}

// Dup implements [beneath.Kernel].
func (d *Disk) Dup(fd int) (int, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return -1, err
	}
	n, err := d.at(fd)
	if err != nil {
		return -1, err
	}
	return d.open(n), nil
}

// Close implements [beneath.Kernel]. It works for the dead, too.
func (d *Disk) Close(fd int) error {
	d.mu.Lock()
	defer d.leave()
	n, err := d.at(fd)
	if err != nil {
		return err
	}
	delete(d.fds, fd)
	n.opens--
	d.reap(n)
	return nil
}

// Find implements [beneath.Kernel].
func (d *Disk) Find(string) (beneath.Stat, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return beneath.Stat{}, err
	}
	return d.root.stat(), nil
}

// ReadOnly implements [beneath.Kernel].
func (d *Disk) ReadOnly(string) bool { return false }

// Space implements [beneath.Kernel]: what is in files that can be reached takes room, and nothing else.
func (d *Disk) Space(int) (free, all int64, err error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return 0, 0, err
	}
	if d.Size == 0 {
		return 1 << 50, 1 << 50, nil
	}
	return d.Size - d.root.bytes(), d.Size, nil
}

func (n *inode) bytes() (sum int64) {
	sum = int64(len(n.data))
	for _, e := range n.names {
		sum += e.node.bytes()
	}
	return sum
}

// Unlogged implements [beneath.Kernel]: a flush forgets nothing that belongs to it here.
func (d *Disk) Unlogged(string) bool { return false }

// Stat implements [beneath.Kernel].
func (d *Disk) Stat(fd int, name string) (beneath.Stat, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return beneath.Stat{}, err
	}
	n, err := d.find(fd, name)
	if err != nil {
		return beneath.Stat{}, err
	}
	return n.stat(), nil
}

func (n *inode) stat() beneath.Stat {
	s := beneath.Stat{Dev: 1, Ino: n.ino, Type: n.kind, Mode: n.mode, UID: n.uid, GID: n.gid, Links: uint32(n.links),
		Size: int64(len(n.data)), Blocks: int64(len(n.data)+511) / 512,
		MSec: n.mtime.Unix(), MNsec: int32(n.mtime.Nanosecond()),
		CSec: n.ctime.Unix(), CNsec: int32(n.ctime.Nanosecond()),
		BSec: n.born.Unix(), BNsec: int32(n.born.Nanosecond())}
	if n.kind == unix.S_IFLNK {
		s.Mode, s.Size = 0o777, int64(len(n.target))
	}
	return s
}

// Readlink implements [beneath.Kernel].
func (d *Disk) Readlink(dir int, name string) (string, error) {
	defer d.leave()
	if err := d.enter(); err != nil {
		return "", err
	}
	n, err := d.find(dir, name)
	if err == nil && n.kind != unix.S_IFLNK {
		err = unix.EINVAL
	}
	if err != nil {
		return "", err
	}
	return n.target, nil
}

// List visits the names in the order in which they were made.
func (d *Disk) List(dir int, visit func(name string) error) error {
	if err := d.enter(); err != nil {
		d.leave()
		return err
	}
	n, err := d.dir(dir)
	var names []string
	if err == nil {
		names = n.list()
	}
	d.leave()
	for _, name := range names {
		if err = visit(name); err != nil {
			break
		}
	}
	return err
}

func (n *inode) list() []string {
	names := make([]string, 0, len(n.names))
	for name := range n.names {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(n.names[a].nth, n.names[b].nth) })
	return names
}
