package memory

import (
	"errors"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

var errDead = errors.New("the machine is off")

// Node is what somebody who looks at the tree finds at a path.
type Node struct {
	beneath.Stat
	Content string // of a file, or a link's target
}

// Tree is everything beneath the root by its path, what is hidden excepted, as
// anybody may see it. Reading it stops nobody.
func (d *Disk) Tree() map[string]Node { return d.tree(d.Hidden) }

// All is Tree with what is hidden.
func (d *Disk) All() map[string]Node { return d.tree("") }

func (d *Disk) tree(but string) map[string]Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make(map[string]Node)
	d.root.walk("", func(path string, n *inode) bool {
		if path == but && but != "" {
			return false
		}
		found[path] = Node{n.stat(), string(n.data) + n.target}
		return true
	})
	return found
}

func (n *inode) walk(path string, visit func(string, *inode) bool) {
	if !visit(path, n) {
		return
	}
	for name, e := range n.names {
		e.node.walk(strings.TrimPrefix(path+"/"+name, "/"), visit)
	}
}

// Put is another program that writes a file, flushed; its directory is there, and the
// name is free, or it is not done.
func (d *Disk) Put(path, content string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, name := d.root, path
	for {
		first, rest, more := strings.Cut(name, "/")
		if !more {
			break
		}
		c, err := n.child(first)
		if err != nil || c.names == nil {
			return unix.ENOTDIR
		}
		n, name = c, rest
	}
	if n.names[name] != nil {
		return unix.EEXIST
	}
	f := d.make(unix.S_IFREG, 0o644)
	f.data, f.mtime = []byte(content), time.Unix(1, 0)
	f.keep()
	if err := d.rename(step{n, name, f}); err != nil {
		return err
	}
	d.putDown(func(c *change) bool { return c.touches(n) })
	return nil
}
