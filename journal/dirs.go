package journal

import (
	"errors"
	"fmt"
	"strings"
)

// dirs are the directory rows that a transaction climbs through. A directory
// whose parent is Parked ends a climb: it is the root, or detached for now, or gone.
type dirs map[NodeID]*dirRow

type dirRow struct {
	parent NodeID
	name   string
	self   Sum // its own part; zero while it is not placed
	sum    Sum // all beneath
	gone   bool
	dirty  bool
}

// So many rows are kept between transactions, and while nothing is written;
// beyond it the cache starts anew.
const (
	maxDirs  = 4096
	idleDirs = 64
)

func (t *tx) forget() { t.dirs, t.soiled = nil, t.soiled[:0] }

// soil marks a row to be written with the commit.
func (t *tx) soil(id NodeID, d *dirRow) {
	if !d.dirty {
		d.dirty = true
		t.soiled = append(t.soiled, id)
	}
}

// dir returns a directory's row, from memory or from the table.
func (t *tx) dir(id NodeID) (*dirRow, error) {
	if d := t.dirs[id]; d != nil {
		return d, nil
	}
	s, err := oneStored(t.ctx, t.conn, "id = ?", int64(id))
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: there is no directory %d", ErrOrphan, id)
	}
	if err != nil {
		return nil, err
	}
	d := &dirRow{parent: s.Node.Parent, name: s.Node.Name, sum: s.Beneath, gone: s.Gone || s.Node.Kind != Dir}
	if !d.gone {
		d.self = SumOf(&s.Node)
	}
	t.keepDir(id, d)
	return d, nil
}

func (t *tx) keepDir(id NodeID, d *dirRow) {
	if t.dirs == nil {
		t.dirs = dirs{}
	}
	t.dirs[id] = d
}

// spread adds a part to every directory from parent up. It is immediate, so
// the order in which nodes are detached and attached does not matter.
func (t *tx) spread(parent NodeID, part Sum, add bool) error {
	for hops := 0; parent != Parked; hops++ {
		d, err := t.dir(parent)
		switch {
		case err != nil:
			return err
		case hops > maxDepth:
			return fmt.Errorf("%w: directory %d is beneath itself", ErrInvalid, parent)
		case d.gone:
			return nil
		}
		if add {
			d.sum = d.sum.Plus(part)
		} else {
			d.sum = d.sum.Minus(part)
		}
		t.soil(parent, d)
		parent = d.parent
	}
	return nil
}

// A climb longer than this is a circle: the kernel itself cannot reach a path of so
// many components without as many steps.
const maxDepth = 100_000

// placed climbs to the root: its path, and whether it gets there.
func (t *tx) placed(parent NodeID, name string) (path string, ok bool, err error) {
	names := []string{name}
	for hops := 0; parent != Root; hops++ {
		if parent == Parked || hops > maxDepth {
			return "", false, nil
		}
		d, err := t.dir(parent)
		if err != nil {
			return "", false, err
		}
		if d.gone {
			return "", false, nil
		}
		names = append(names, d.name)
		parent = d.parent
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return strings.Join(names, "/"), true, nil
}

// parked says whether a climb ends at a directory that waits for its place. The
// climb was made before, so every row on it is here.
func (t *tx) parked(id NodeID) bool {
	for hops := 0; id != Root && hops <= maxDepth; hops++ {
		d := t.dirs[id]
		if d == nil || d.gone {
			return false
		}
		if d.parent == Parked {
			return true
		}
		id = d.parent
	}
	return false
}

// treeDigest is the sum over every placed node, the root included.
func (t *tx) treeDigest() (Digest, error) {
	root, err := t.dir(Root)
	if err != nil {
		return Digest{}, err
	}
	return root.self.Plus(root.sum).Digest, nil
}

func (t *tx) saveSums() error {
	for _, id := range t.soiled {
		d := t.dirs[id]
		if d == nil || !d.dirty {
			continue
		}
		if _, err := t.stmts.sum.Exec(appendSum(nil, d.sum), int64(id)); err != nil {
			return wrap("save sums", err)
		}
		d.dirty = false
	}
	t.soiled = t.soiled[:0]
	return nil
}

// wayfinder derives the paths of nodes that stand side by side, once the
// directories stay where they are.
type wayfinder struct {
	t      *tx
	parent NodeID
	above  string // path of parent, with a slash
	ok     bool
}

func (w *wayfinder) path(n *Node) (path string, ok bool, err error) {
	if n.ID == Root {
		return "", true, nil
	}
	if n.Parent != w.parent || w.parent == Parked {
		if w.above, w.ok, err = w.t.placed(n.Parent, ""); err != nil {
			return "", false, err
		}
		w.parent = n.Parent
	}
	return w.above + n.Name, w.ok, nil
}
