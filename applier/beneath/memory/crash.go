package memory

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"
)

// Sync implements [beneath.Kernel].
func (d *Disk) Sync(fd int) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	n, err := d.at(fd)
	if err != nil {
		return err
	}
	n.keep()
	if !d.Weak {
		d.commit()
		return nil
	}
	if n.names != nil {
		d.putDown(func(c *change) bool { return c.touches(n) })
		for _, e := range n.names {
			if e.node.kind != unix.S_IFREG { // its attributes are beside its name
				e.node.keep()
			}
		}
	}
	return nil
}

// SyncData implements [beneath.Kernel].
func (d *Disk) SyncData(fd int) error { return d.Sync(fd) }

// SyncAll implements [beneath.Kernel].
func (d *Disk) SyncAll(int) error {
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	for n := range d.fresh {
		n.keep()
	}
	d.commit()
	return nil
}

// commit puts down the log: all names, and all that is not bytes.
func (d *Disk) commit() {
	d.putDown(func(*change) bool { return true })
	for n := range d.fresh {
		data := n.disk.data
		n.disk = n.look
		n.disk.data = data
	}
	clear(d.fresh)
}

func (c *change) touches(dir *inode) bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return s.in == dir })
}

// needs says whether no file system has a change without an earlier one: of the same
// name, or of the directory that it is in.
func (c *change) needs(before *change) bool {
	if c.tree && before.tree {
		return true
	}
	for _, s := range c.steps {
		for _, b := range before.steps {
			if s.in == b.in && s.name == b.name || s.in == b.node {
				return true
			}
		}
	}
	return false
}

// putDown brings changes to the disk, with those that they need.
func (d *Disk) putDown(which func(*change) bool) {
	chosen := make(map[*change]bool)
	for i := len(d.log) - 1; i >= 0; i-- {
		c := d.log[i]
		chosen[c] = which(c) || slices.ContainsFunc(d.log[i+1:], func(later *change) bool { return chosen[later] && later.needs(c) })
	}
	left := d.log[:0]
	for _, c := range d.log {
		if chosen[c] {
			c.apply()
		} else {
			left = append(left, c)
		}
	}
	clear(d.log[len(left):])
	d.log = left
}

func (c *change) apply() {
	for _, s := range c.steps {
		if s.node == nil {
			delete(s.in.onDisk, s.name)
		} else {
			s.in.onDisk[s.name] = s.node
		}
	}
}

// Crash is the disk as the next process finds it when this one ends now: after a
// kill everything is there; when the power went, what was not flushed is, with the
// given share of it. The old disk is of no use any more.
func (d *Disk) Crash(kept float64, dice *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(kept, dice)
	d.dead = errDead
	next := &Disk{Seen: d.Seen, Hidden: d.Hidden, Weak: d.Weak, fds: make(map[int]*opened), next: d.next, last: d.last, ticks: d.ticks, fresh: make(map[*inode]struct{})}
	next.root = next.restore(d.root, map[*inode]*inode{}, kept, dice)
	next.root.links = 1
	return next
}

// settle decides which changes of names came to the disk.
func (d *Disk) settle(kept float64, dice *rand.Rand) {
	if !d.Weak {
		n := int(kept * float64(len(d.log)))
		if kept > 0 && kept < 1 {
			n = dice.IntN(len(d.log) + 1)
		}
		for _, c := range d.log[:n] {
			c.apply()
		}
		return
	}
	var lost []*change
	for _, c := range d.log {
		if dice.Float64() >= kept || slices.ContainsFunc(lost, c.needs) {
			lost = append(lost, c)
		} else {
			c.apply()
		}
	}
}

// restore makes what is on disk anew, names of one inode as such.
func (d *Disk) restore(old *inode, made map[*inode]*inode, kept float64, dice *rand.Rand) *inode {
	if n := made[old]; n != nil {
		return n
	}
	n := &inode{ino: old.ino, kind: old.kind, born: old.born, ctime: old.ctime, target: old.target, places: make(map[place]struct{})}
	made[old] = n
	n.look = old.left(kept, dice)
	n.keep()
	if old.names == nil {
		return n
	}
	n.names, n.onDisk = make(map[string]*entry), make(map[string]*inode)
	names := slices.SortedFunc(maps.Keys(old.onDisk), func(a, b string) int {
		return cmp.Or(cmp.Compare(old.onDisk[a].ino, old.onDisk[b].ino), cmp.Compare(a, b))
	})
	for _, name := range names {
		c := d.restore(old.onDisk[name], made, kept, dice)
		n.count++
		n.names[name] = &entry{c, n.count}
		n.onDisk[name] = c
		c.places[place{n, name}] = struct{}{}
		c.links++
		if c.kind == n.kind {
			c.parent = n
		}
	}
	return n
}

// left is what a crash leaves of a node's bytes and attributes.
func (n *inode) left(kept float64, dice *rand.Rand) look {
	if !n.changed {
		return n.disk
	}
	l := n.disk
	if dice.Float64() < kept {
		l = n.look
	}
	l.data = n.disk.data
	switch now := n.data; {
	case kept == 1:
		l.data = now
	case kept == 0:
	case bytes.HasPrefix(now, n.disk.data):
		l.data = now[:len(n.disk.data)+dice.IntN(len(now)-len(n.disk.data)+1)]
	case dice.Float64() < kept:
		l.data = torn(n.disk.data, now, dice)
	}
	return l
}

// tearing is how much of an overwritten file comes to the disk at once.
const tearing = 64

// torn is a file of which some parts are new.
func torn(old, now []byte, dice *rand.Rand) []byte {
	b := bytes.Clone(now)
	for at := 0; at < min(len(b), len(old)); at += tearing {
		if dice.IntN(2) == 0 {
			copy(b[at:min(at+tearing, len(b))], old[at:])
		}
	}
	return b
}
