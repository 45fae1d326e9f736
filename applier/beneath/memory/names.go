package memory

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

// step makes a name lead to a node, or to nothing.
type step struct {
	in   *inode
	name string
	node *inode
}

// change is a set of steps that is whole or never was.
type change struct {
	steps []step
	tree  bool // a directory got another parent
}

// rename makes one change of names.
func (d *Disk) rename(steps ...step) error {
	c := &change{steps: steps}
	for _, s := range steps {
		switch {
		case len(s.name) > unix.NAME_MAX:
			return unix.ENAMETOOLONG
		case s.in.links == 0:
			return unix.ENOENT
		}
		c.tree = c.tree || s.node != nil && s.node.kind == unix.S_IFDIR && s.node.parent != s.in
	}
	var left []*inode
	for _, s := range steps {
		if e := s.in.names[s.name]; e != nil {
			delete(s.in.names, s.name)
			delete(e.node.places, place{s.in, s.name})
			e.node.links--
			left = append(left, e.node)
		}
	}
	for _, s := range steps {
		d.touch(s.in)
		if s.node == nil {
			continue
		}
		s.in.count++
		s.in.names[s.name] = &entry{s.node, s.in.count}
		s.node.places[place{s.in, s.name}] = struct{}{}
		s.node.links++
		if s.node.kind == unix.S_IFDIR {
			s.node.parent = s.in
		}
		d.touch(s.node)
	}
	for _, n := range left {
		d.touch(n)
		d.reap(n)
	}
	d.log = append(d.log, c)
	d.show(steps)
	return nil
}

// show tells what a reader of the tree meets from now on.
func (d *Disk) show(steps []step) {
	if d.Seen == nil {
		return
	}
	for _, s := range steps {
		if s.node == nil {
			continue
		}
		if path, ok := d.path(s.in, s.name); ok {
			d.showAll(path, s.node)
		}
	}
}

func (d *Disk) showAll(path string, n *inode) {
	if n.kind == unix.S_IFREG {
		d.Seen(path, n.data)
	}
	for name, e := range n.names {
		d.showAll(path+"/"+name, e.node)
	}
}

// path is where readers find a name; not ok if they do not.
func (d *Disk) path(in *inode, name string) (string, bool) {
	for hops := 0; in != nil && hops < 1<<12; hops++ {
		if in == d.root {
			return name, name != d.Hidden && !(len(name) > len(d.Hidden) && name[:len(d.Hidden)+1] == d.Hidden+"/")
		}
		up := in.parent
		if up == nil {
			return "", false
		}
		own, ok := "", false
		for p := range in.places {
			own, ok = p.name, true
		}
		if !ok {
			return "", false
		}
		name, in = own+"/"+name, up
	}
	return "", false
}

// Mkdir implements [beneath.Kernel].
func (d *Disk) Mkdir(dir int, name string, mode uint32) error {
	return d.create(dir, name, func() *inode { return d.make(unix.S_IFDIR, mode) })
}

// Symlink implements [beneath.Kernel].
func (d *Disk) Symlink(target string, dir int, name string) error {
	return d.create(dir, name, func() *inode {
		n := d.make(unix.S_IFLNK, 0o777)
		n.target = target
		return n
	})
}

func (d *Disk) create(dir int, name string, make func() *inode) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	in, err := d.dir(dir)
	if err != nil {
		return err
	}
	if _, err := in.child(name); err != unix.ENOENT {
		return orExists(err)
	}
	return d.rename(step{in, name, make()})
}

func orExists(err error) error {
	if err == nil {
		return unix.EEXIST
	}
	return err
}

// Link implements [beneath.Kernel].
func (d *Disk) Link(from int, name string, to int, newName string) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	n, err := d.find(from, name)
	if err != nil {
		return err
	}
	return d.link(n, to, newName)
}

// LinkOpen implements [beneath.Kernel].
func (d *Disk) LinkOpen(fd int, to int, newName string) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	n, err := d.at(fd)
	switch {
	case err != nil:
		return err
	case n.links == 0 && !n.secret:
		return unix.ENOENT
	}
	return d.link(n, to, newName)
}

func (d *Disk) link(n *inode, to int, name string) error {
	in, err := d.dir(to)
	if err != nil {
		return err
	}
	if n.kind == unix.S_IFDIR {
		return unix.EPERM
	}
	if _, err := in.child(name); err != unix.ENOENT {
		return orExists(err)
	}
	return d.rename(step{in, name, n})
}

// Rename implements [beneath.Kernel].
func (d *Disk) Rename(from int, name string, to int, newName string, how uint) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	a, err := d.dir(from)
	if err != nil {
		return err
	}
	b, err := d.dir(to)
	if err != nil {
		return err
	}
	src, err := a.child(name)
	if err != nil {
		return err
	}
	dst, err := b.child(newName)
	if err != nil && (err != unix.ENOENT || how == beneath.Exchange) {
		return err
	}
	if err := mayRename(src, a, dst, b, how); err != nil || src == dst {
		return err
	}
	if how == beneath.Exchange {
		return d.rename(step{a, name, dst}, step{b, newName, src})
	}
	return d.rename(step{a, name, nil}, step{b, newName, src})
}

// mayRename is what renameat2(2) refuses.
func mayRename(src, a, dst, b *inode, how uint) error {
	srcDir := src.kind == unix.S_IFDIR
	dstDir := dst != nil && dst.kind == unix.S_IFDIR
	switch {
	case srcDir && b.within(src):
		return unix.EINVAL
	case dstDir && a.within(dst) && how == beneath.Exchange:
		return unix.EINVAL
	case dstDir && a.within(dst):
		return unix.ENOTEMPTY
	case dst == nil || how == beneath.Exchange:
		return nil
	case how == beneath.NoReplace:
		return unix.EEXIST
	case dstDir && !srcDir:
		return unix.EISDIR
	case srcDir && !dstDir:
		return unix.ENOTDIR
	case dstDir && len(dst.names) > 0:
		return unix.ENOTEMPTY
	}
	return nil
}

// within says whether a directory is another, or beneath it.
func (n *inode) within(above *inode) bool {
	for ; n != nil; n = n.parent {
		if n == above {
			return true
		}
	}
	return false
}

// Unlink implements [beneath.Kernel].
func (d *Disk) Unlink(in int, name string, dir bool) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	at, err := d.dir(in)
	if err != nil {
		return err
	}
	n, err := at.child(name)
	switch {
	case err != nil:
		return err
	case dir && n.kind != unix.S_IFDIR:
		return unix.ENOTDIR
	case !dir && n.kind == unix.S_IFDIR:
		return unix.EISDIR
	case len(n.names) > 0:
		return unix.ENOTEMPTY
	}
	return d.rename(step{at, name, nil})
}
