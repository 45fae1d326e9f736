package applier

import (
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// maxOpenDirs bounds the descriptors that a round keeps: far below the usual
// limit of 1,024, and enough that the directories of a set are opened once.
const maxOpenDirs = 200

// dirs keeps directories open during one round, by node: a directory that this
// round renames stays the same directory. Safe for concurrent use.
type dirs struct {
	mu   sync.Mutex
	open map[journal.NodeID]*openDir
}

type openDir struct {
	dir  *beneath.Dir
	uses int
	drop bool // closed when the last use ends
}

// use gives the open directory, or opens it. release must be called.
func (d *dirs) use(id journal.NodeID, open func() (*beneath.Dir, error)) (dir *beneath.Dir, release func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.open[id]
	if o == nil {
		d.mu.Unlock()
		dir, err = open()
		d.mu.Lock()
		if err != nil {
			return nil, nil, err
		}
		if o = d.open[id]; o != nil {
			dir.Close()
		} else {
			d.makeRoomLocked()
			o = &openDir{dir: dir}
			d.open[id] = o
		}
	}
	o.uses++
	return o.dir, func() { d.release(o) }, nil
}

func (d *dirs) release(o *openDir) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o.uses--
	if o.uses == 0 && o.drop {
		o.dir.Close()
	}
}

func (d *dirs) makeRoomLocked() {
	for id, o := range d.open {
		if len(d.open) < maxOpenDirs {
			return
		}
		if o.uses == 0 {
			o.dir.Close()
			delete(d.open, id)
		}
	}
}

// forget drops a directory that is no longer what it was.
func (d *dirs) forget(id journal.NodeID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forgetLocked(id)
}

func (d *dirs) forgetLocked(id journal.NodeID) {
	o := d.open[id]
	if o == nil {
		return
	}
	delete(d.open, id)
	if o.drop = true; o.uses == 0 {
		o.dir.Close()
	}
}

// forgetAll drops every directory; those in use are closed when they are released.
func (d *dirs) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.open {
		d.forgetLocked(id)
	}
}
