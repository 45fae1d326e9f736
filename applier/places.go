package applier

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// spot is a name in a directory. The parent of what is parked is
// [journal.Parked], its name is a name in the folder parked/.
type spot struct {
	parent journal.NodeID
	name   string
}

// places knows where nodes are on the disk right now: where their rows say,
// unless this round has moved them. Safe for concurrent reading; put only
// from one goroutine while nobody reads.
type places struct {
	ctx     context.Context
	journal *journal.Journal
	folders *folders
	dirs    dirs

	mu    sync.Mutex
	known map[journal.NodeID]spot           // from rows
	moved map[journal.NodeID]spot           // by this round
	held  map[spot]journal.NodeID           // who was put there by this round
	rows  map[spot]journal.NodeID           // whose row is there; 0: nobody's
	was   map[journal.NodeID]journal.NodeID // directory to the stale one it takes over
	fresh map[journal.NodeID]bool           // directories without a row: nothing of ours is in them
}

func newPlaces(ctx context.Context, j *journal.Journal, f *folders) *places {
	return &places{
		ctx: ctx, journal: j, folders: f, dirs: dirs{open: make(map[journal.NodeID]*openDir)},
		known: make(map[journal.NodeID]spot), moved: make(map[journal.NodeID]spot),
		held: make(map[spot]journal.NodeID), rows: make(map[spot]journal.NodeID), was: make(map[journal.NodeID]journal.NodeID), fresh: make(map[journal.NodeID]bool),
	}
}

func (p *places) close() { p.dirs.forgetAll() }

// nowhere is where a node is that the disk has lost.
var nowhere = spot{parent: math.MinInt64}

func (p *places) put(id journal.NodeID, s spot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved[id] = s
	p.held[s] = id
}

// learn remembers a row's place, to save reading it again.
func (p *places) learn(s journal.Stored) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[s.Node.ID] = spot{s.Node.Parent, s.Node.Name}
}

// of says where a node is; ok is false for one that is nowhere yet.
func (p *places) of(id journal.NodeID) (at spot, ok bool, err error) {
	p.mu.Lock()
	at, ok = p.moved[id]
	if !ok {
		at, ok = p.known[id]
	}
	p.mu.Unlock()
	if ok {
		return at, at != nowhere, nil
	}
	s, ok, err := row(p.ctx, p.journal, id)
	switch {
	case err != nil:
		return at, false, err
	case !ok:
		p.learnAbsent(id)
		return nowhere, false, nil
	}
	p.learn(s)
	return spot{s.Node.Parent, s.Node.Name}, true, nil
}

// learnAbsent remembers that a node has no row, to save asking again.
func (p *places) learnAbsent(id journal.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[id] = nowhere
}

// holder says which node of ours is at a spot, 0 if none.
func (p *places) holder(at spot) (journal.NodeID, error) {
	p.mu.Lock()
	id, ok := p.held[at]
	here := ok && p.moved[id] == at
	was, fresh := p.was[at.parent], p.fresh[at.parent]
	p.mu.Unlock()
	if here {
		return id, nil
	}
	if fresh {
		return 0, nil
	}
	if was != 0 { // its children are still the stale one's
		at.parent = was
	}
	id, err := p.rowAt(at)
	if err != nil || id == 0 || p.hasMoved(id) {
		return 0, err
	}
	return id, nil
}

// rowAt says which node's row is at a spot, 0 if none. Rows stay as they are
// during a round, so it is asked once.
func (p *places) rowAt(at spot) (journal.NodeID, error) {
	p.mu.Lock()
	id, ok := p.rows[at]
	p.mu.Unlock()
	if ok {
		return id, nil
	}
	s, err := p.journal.Lookup(p.ctx, at.parent, at.name)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows[at] = s.Node.ID
	return s.Node.ID, nil
}

func (p *places) hasMoved(id journal.NodeID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, moved := p.moved[id]
	return moved
}

// alive says whether a directory is in the tree, or parked: rows beneath a removed
// one stay for a while and mean nothing.
func (p *places) alive(id journal.NodeID) (bool, error) {
	for hops := 0; hops < maxDepth; hops++ {
		at, ok, err := p.of(id)
		if id == journal.Root || at.parent == journal.Parked && ok {
			return true, nil
		}
		if err != nil || !ok {
			return false, err
		}
		id = at.parent
	}
	return false, errTangled
}

// maxDepth bounds a climb to the root, against rows that form a circle. A path
// of PATH_MAX bytes has half as many components.
const maxDepth = 1 << 16

// path is where a directory is, relative to the root.
func (p *places) path(id journal.NodeID) (string, error) {
	var parts []string
	for hops := 0; ; hops++ {
		at, ok, err := p.of(id)
		if err != nil {
			return "", err
		}
		switch {
		case id == journal.Root || ok && at == spot{}:
			return join(parts), nil
		case !ok || hops > maxDepth:
			return "", errNoParent
		case at.parent == journal.Parked:
			return join(append(parts, at.name, "parked", StateName)), nil
		case at.parent == inStaging:
			return join(append(parts, at.name, "staging", StateName)), nil
		}
		parts = append(parts, at.name)
		id = at.parent
	}
}

// rowPath is a node's path as the rows have it, upwards as components: where
// people knew it. Parked nodes and what is beneath them have the rest of theirs.
func (p *places) rowPath(id journal.NodeID) (parts []string) {
	for hops := 0; hops < maxDepth && id != journal.Root; hops++ {
		p.mu.Lock()
		at, ok := p.known[id]
		p.mu.Unlock()
		if !ok {
			s, ok, err := row(p.ctx, p.journal, id)
			if err != nil || !ok {
				break
			}
			p.learn(s)
			at = spot{s.Node.Parent, s.Node.Name}
		}
		if at.name == "" {
			break
		}
		parts = append(parts, at.name)
		id = at.parent
	}
	return parts
}

// join makes a path of components that were collected upwards.
func join(parts []string) string {
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
		if i > 0 {
			b.WriteByte('/')
		}
	}
	return b.String()
}

// inside says whether a directory is now beneath (or is) another.
func (p *places) inside(id, above journal.NodeID) (bool, error) {
	for hops := 0; hops < maxDepth; hops++ {
		if id == above {
			return true, nil
		}
		at, ok, err := p.of(id)
		if err != nil || !ok || at.parent == journal.Parked || id == journal.Root {
			return false, err
		}
		id = at.parent
	}
	return false, errTangled
}

// dir opens a directory where it is now. release must be called.
func (p *places) dir(id journal.NodeID) (d *beneath.Dir, release func(), err error) {
	switch id {
	case journal.Parked:
		return p.folders.parked, func() {}, nil
	case journal.Root:
		return p.folders.root.Top(), func() {}, nil
	}
	return p.dirs.use(id, func() (*beneath.Dir, error) {
		path, err := p.path(id)
		if err != nil {
			return nil, err
		}
		return p.folders.root.Dir(path)
	})
}

// parkedName is what a node is called in the folder parked/.
func parkedName(id journal.NodeID) string { return strconv.FormatInt(int64(id), 10) }
