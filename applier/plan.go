package applier

import (
	"fmt"

	"github.com/hydrasync/hydrasync/journal"
)

// plan makes the tasks of the set: what is unknown, old or already true falls
// out, and for the rest it finds what of it is on the disk.
func (r *round) plan() error {
	for _, e := range r.set.Entries {
		if err := r.planEntry(e); err != nil {
			return err
		}
	}
	r.bury()
	if err := r.meetAll(); err != nil {
		return err
	}
	var rest func() error
	switch {
	case r.set.FullDone:
		rest = r.planUnnamed
	case r.stale && !r.set.Full && !r.again && r.compared():
		rest = r.planStale
	default:
		return nil
	}
	if err := rest(); err != nil {
		return err
	}
	return r.meetAll()
}

// compared says that a comparison, if there was one, has told all, also if not everything is
// here yet: from then on nobody takes over what it left.
func (r *round) compared() bool {
	return !r.journal.Position().IsZero() || !r.pledge.given.IsZero()
}

func (r *round) meetAll() error {
	for _, t := range r.tasks {
		if err := t.failOr(r.meet(t)); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) planEntry(e journal.Entry) error {
	id := e.Change.Node.ID
	switch {
	case e.Note != nil:
		r.notes = append(r.notes, e)
		return nil
	case r.byID[id] != nil:
		return fmt.Errorf("entry %d: node %d is twice in one set", e.Seq, id)
	case e.Change.Gone && id == journal.Root:
		return fmt.Errorf("entry %d: the root cannot go", e.Seq)
	}
	if !e.Change.Gone {
		if err := e.Change.Node.Validate(); err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if r.set.Full {
			r.named.add(id)
		}
	}
	t, err := r.newTask(e)
	if err == nil && t != nil {
		r.add(t)
	}
	return err
}

func (r *round) add(t *task) {
	r.tasks = append(r.tasks, t)
	r.byID[t.node.ID] = t
}

// newTask compares an entry with its row; nil means that nothing is to do.
func (r *round) newTask(e journal.Entry) (*task, error) {
	t := &task{entry: e, gone: e.Change.Gone}
	t.node = &t.entry.Change.Node
	var err error
	if t.node.ID <= r.highest.get() {
		if t.old, t.known, err = row(r.ctx, r.journal, t.node.ID); err != nil {
			return nil, err
		}
	}
	if t.known {
		r.places.learn(t.old)
	}
	if t.gone && t.old.Seq <= e.Seq {
		r.ended[t.node.ID] = true
	}
	switch {
	case t.gone && !t.known, t.old.Seq > e.Seq:
		r.troubles.solved(t.node.ID) // if it waits to be tried again, that is over
		return nil, nil
	case t.gone || !t.known || r.again || r.doubts[t.node.ID]:
	case t.old.Node.Equal(*t.node):
		if t.old.Seq == e.Seq && e.Seq <= r.journal.Position().Seq {
			return nil, nil
		}
		// A comparison may have told it ahead of its turn: then it is not in the log yet.
		t.state, t.stays, t.seen = done, true, t.old.Seen
	}
	if !t.known {
		t.old = journal.Stored{} // a tombstone says nothing about the disk
		r.places.learnAbsent(t.node.ID)
	}
	return t, nil
}

// parentHere says whether a task's directory is one of ours, in this set or
// before it.
func (r *round) parentHere(t *task) (bool, error) {
	if p := r.byID[t.node.Parent]; p != nil {
		return !p.gone && p.state != failed && p.node.Kind == journal.Dir, nil
	}
	return r.places.alive(t.node.Parent)
}
