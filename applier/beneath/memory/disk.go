package memory

import (
	"os"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

var _ beneath.Kernel = (*Disk)(nil)

// Disk is one file system with one directory that is opened by any path.
type Disk struct {
	// Seen is told, if set, what a name outside of Hidden begins to lead to, and
	// what becomes of a file that has such a name. It must not call the Disk.
	Seen   func(path string, content []byte)
	Hidden string // a name in the root that readers of the tree do not look at
	Weak   bool   // see the package
	Size   int64  // that Space tells of; 0: there is always enough

	mu    sync.Mutex
	root  *inode
	fds   map[int]*opened
	next  int // descriptor
	free  []uint64
	last  uint64 // inode number
	ticks int64
	log   []*change           // of names, not on disk yet
	fresh map[*inode]struct{} // touched since the log was put down
	dead  error
}

// opened is an open file description.
type opened struct{ node *inode }

// New makes an empty file system.
func New(hidden string) *Disk {
	d := &Disk{Hidden: hidden, fds: make(map[int]*opened), next: 3, fresh: make(map[*inode]struct{})}
	d.root = d.make(unix.S_IFDIR, 0o755)
	d.root.links = 1
	d.root.keep()
	return d
}

// inode is a file, a directory or a link.
type inode struct {
	look
	ino    uint64
	kind   uint32
	born   time.Time
	ctime  time.Time
	links  int
	opens  int
	target string
	names  map[string]*entry // of a directory
	count  int               // of entries made in it
	parent *inode            // of a directory
	places map[place]struct{}
	secret bool // made without a name

	disk    look              // what a crash leaves of it
	onDisk  map[string]*inode // likewise of a directory's names
	changed bool              // look is not disk
}

// look is what Sync puts down.
type look struct {
	data     []byte
	mode     uint32
	uid, gid uint32
	mtime    time.Time
	xattrs   map[string]string
}

type entry struct {
	node *inode
	nth  int
}

type place struct {
	dir  *inode
	name string
}

func (d *Disk) make(kind, mode uint32) *inode {
	n := &inode{kind: kind, born: d.tick(), places: make(map[place]struct{})}
	n.mode, n.uid, n.gid = mode, uint32(os.Geteuid()), uint32(os.Getegid())
	n.ctime, n.mtime = n.born, n.born
	if kind == unix.S_IFDIR {
		n.names, n.onDisk = make(map[string]*entry), make(map[string]*inode)
	}
	if len(d.free) > 0 {
		n.ino, d.free = d.free[len(d.free)-1], d.free[:len(d.free)-1]
	} else {
		d.last++
		n.ino = d.last
	}
	n.disk = look{mode: n.mode, uid: n.uid, gid: n.gid, mtime: n.mtime}
	return n
}

// tick is a time that nothing else has.
func (d *Disk) tick() time.Time {
	d.ticks++
	return time.Now().UTC().Add(time.Duration(d.ticks))
}

// touch notes that something of a node is newer than on disk.
func (d *Disk) touch(n *inode) {
	n.ctime, n.changed = d.tick(), true
	d.fresh[n] = struct{}{}
}

// keep puts everything but names on disk.
func (n *inode) keep() {
	n.disk, n.changed = n.look, false
	n.disk.data = append([]byte(nil), n.data...)
	n.disk.xattrs = cloned(n.xattrs)
}

func cloned(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// Kill makes every further call fail with err: the process is no more.
func (d *Disk) Kill(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = err
}

// reap gives back the number of what nobody reaches any more.
func (d *Disk) reap(n *inode) {
	if n.links == 0 && n.opens == 0 {
		d.free = append(d.free, n.ino)
	}
}

// enter begins a call. leave must follow, also after an error.
func (d *Disk) enter() error {
	d.mu.Lock()
	return d.dead
}

func (d *Disk) leave() { d.mu.Unlock() }

func (d *Disk) open(n *inode) int {
	n.opens++
	fd := d.next
	d.next++
	d.fds[fd] = &opened{n}
	return fd
}

// at is what a descriptor is open on.
func (d *Disk) at(fd int) (*inode, error) {
	if o := d.fds[fd]; o != nil {
		return o.node, nil
	}
	return nil, unix.EBADF
}

// dir is a directory that a descriptor is open on.
func (d *Disk) dir(fd int) (*inode, error) {
	n, err := d.at(fd)
	if err == nil && n.kind != unix.S_IFDIR {
		return nil, unix.ENOTDIR
	}
	return n, err
}

// find is what a name in an open directory leads to, or with none what is open.
func (d *Disk) find(fd int, name string) (*inode, error) {
	if name == "" {
		return d.at(fd)
	}
	in, err := d.dir(fd)
	if err != nil {
		return nil, err
	}
	return in.child(name)
}

func (n *inode) child(name string) (*inode, error) {
	switch e := n.names[name]; {
	case len(name) > unix.NAME_MAX:
		return nil, unix.ENAMETOOLONG
	case name == ".":
		return n, nil
	case e == nil:
		return nil, unix.ENOENT
	default:
		return e.node, nil
	}
}
