package applier

import (
	"context"
	"errors"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// round is one set on its way to the disk. Its steps run one after the other:
// plan, hold, quota, room, stage, place, clear, seal, record.
type round struct {
	*Applier
	ctx       context.Context
	set       Set
	fetch     Fetcher
	again     bool // make nodes anew although their rows say that they are there
	tasks     []*task
	byID      map[journal.NodeID]*task
	ended     map[journal.NodeID]bool // what the set tells gone, known or not
	notes     []journal.Entry
	places    *places
	flush     flushes
	moves     int      // renames so far
	doomed    int64    // nodes that it removes, see countDoomed
	left      []string // old versions in staging that the trash did not take
	behind    []*task  // left behind: their content is not here yet
	recorded  bool
	committed bool                      // an intent was written
	strays    []journal.NodeID          // nodes of ours that had to make way and have no place
	loose     map[journal.NodeID]uint32 // directories that we had to make writable, with their mode
}

func newRound(ctx context.Context, a *Applier, s Set, f Fetcher) *round {
	return &round{
		Applier: a, ctx: ctx, set: s, fetch: f,
		byID:   make(map[journal.NodeID]*task, len(s.Entries)),
		ended:  make(map[journal.NodeID]bool),
		places: newPlaces(ctx, a.journal, a.folders),
	}
}

// detach lets the round go on when its context ends.
func (r *round) detach() {
	r.ctx = context.WithoutCancel(r.ctx)
	r.places.ctx = r.ctx
}

// close gives back what the round held. What is still in staging was not placed.
func (r *round) close() {
	for _, t := range r.tasks {
		r.dropNameless(t)
		if t.staged != "" {
			r.litter.drop(t.staged)
		}
	}
	for _, name := range r.left {
		if r.recorded {
			r.litter.drop(name)
		}
	}
	for _, t := range r.tasks {
		if t.haul != nil {
			r.hauls.leave(t.haul, t.node.Body.Digest)
		}
	}
	r.places.close()
}

// state is how far a task is.
type state uint8

const (
	todo state = iota
	doing
	done
	failed
)

// task is one node of a set.
type task struct {
	entry journal.Entry
	node  *journal.Node // in entry
	gone  bool

	old      journal.Stored // the row, if known
	known    bool           // the disk has the node as old says
	was      journal.NodeID // the stale node that this one takes over
	lead     *task          // the hard-link group's first in this set
	made     object         // what was made for it, in staging at first
	adopted  bool           // its old object is a stranger's
	staged   string         // a name in staging that will take the node's place
	nameless *beneath.File  // what is staged and has no name
	haul     *haul          // its content is to come from the capitol
	parted   bool           // it has to leave its inode to another group
	grown    bool           // appended in place
	late     bool           // a directory that gets its mode when all is placed
	met      bool           // its old object was looked for
	stays    bool           // it was done from the start; unlike state, nobody changes it beside others
	short    bool           // there is no room for its content
	within   bool           // it goes with a directory that goes, and is counted there

	state state
	err   error
	seen  journal.Seen
}

// waits says whether it is not yet where it belongs, and may still get there.
func (t *task) waits() bool { return t.state == todo || t.state == doing }

// id is by which the places know the node.
func (t *task) id() journal.NodeID { return t.node.ID }

// renames says whether a name is going to lead elsewhere than before.
func (t *task) renames() bool {
	o, n := &t.old.Node, t.node
	return t.state == todo && (t.gone || t.staged != "" || !t.known || t.was != 0 || o.Parent != n.Parent || o.Name != n.Name)
}

// keeps says whether the node's bytes, or its target, are on the disk already, as its old state.
func (t *task) keeps() bool {
	o, n := &t.old.Node, t.node
	return t.known && o.Kind == n.Kind && o.Body.Digest == n.Body.Digest && o.Body.Size == n.Body.Size && o.Target == n.Target
}

// fail gives up on the task and on nothing else, or says that the error
// concerns more than its path.
func (t *task) fail(err error) error {
	if !pathOnly(err) {
		return err
	}
	t.state, t.err = failed, err
	return nil
}

// failOr is fail where there is an error.
func (t *task) failOr(err error) error {
	if err == nil {
		return nil
	}
	return t.fail(err)
}

// row reads a live row; ok is false when there is none.
func row(ctx context.Context, j *journal.Journal, id journal.NodeID) (s journal.Stored, ok bool, err error) {
	s, err = j.Node(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return s, false, nil
	}
	return s, err == nil && !s.Gone, err
}
