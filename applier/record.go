package applier

import (
	"context"
	"errors"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// record writes what the disk now holds into the journal, and the position. A
// crash before it repeats the set; a crash after it has nothing to repeat.
func (r *round) record() error {
	entries, err := r.entries()
	if err != nil {
		return err
	}
	pos, all := r.position()
	if len(entries) > 0 || !pos.IsZero() {
		if c := r.cfg.Calls; c != nil {
			if err := c.Before("record", ""); err != nil {
				return &beneath.Error{Op: "record", Err: err}
			}
		}
		if err := r.write(r.ctx, entries, pos); err != nil {
			return err
		}
	}
	if all {
		r.pledge = pledge{kept: r.journal.Position()}
	}
	r.recorded = true
	r.settled()
	if r.committed {
		dropIntent(r.folders.intent) // if it fails, the next one to read it finds all of it recorded
	}
	return nil
}

// position is what may be recorded with the set: its own, or, when it completes
// what others left behind, the newest of theirs. None while something is late; all
// says that nothing is, and that what was pledged is true once the set is recorded.
func (r *round) position() (pos journal.Position, all bool) {
	late := r.hauls.settle(r.set.Entries, r.behind)
	if !r.set.Position.IsZero() && (!r.set.Full || r.set.FullDone) {
		r.pledge.given = r.set.Position
	}
	if late > 0 || r.overflow || r.pledge.given.IsZero() {
		return pos, false
	}
	if r.pledge.given != r.journal.Position() {
		pos = r.pledge.given
	}
	return pos, true
}

// write records, and keeps in mind which ids are in use.
func (a *Applier) write(ctx context.Context, entries []journal.Entry, pos journal.Position) error {
	for i := range entries {
		a.highest.raise(entries[i].Change.Node.ID)
	}
	return a.journal.Record(ctx, entries, pos)
}

// entries are what the journal is to record: takings-over first, because the
// rows beneath a stale directory belong to its heir from then on.
func (r *round) entries() ([]journal.Entry, error) {
	entries := r.notes
	add := func(heirs bool) {
		for _, t := range r.tasks {
			if t.state == done && (t.was != 0) == heirs {
				e := t.entry
				e.Change.Seen, e.Change.Was = t.seen, t.was
				entries = append(entries, e)
			}
		}
	}
	add(true)
	for _, id := range r.strays {
		e, ok, err := r.strayEntry(id)
		if err != nil {
			return nil, err
		}
		if ok {
			entries = append(entries, e)
		}
	}
	add(false)
	return entries, nil
}

// strayEntry keeps a node without a place, until a later set brings it one.
func (r *round) strayEntry(id journal.NodeID) (e journal.Entry, ok bool, err error) {
	if t := r.byID[id]; t != nil && t.state == done {
		return e, false, nil
	}
	s, ok, err := row(r.ctx, r.journal, id)
	s.Node.Parent, s.Node.Name = journal.Parked, parkedName(id)
	return journal.Entry{Seq: s.Seq, Time: now(), BodySeq: s.BodySeq, PlaceSeq: s.PlaceSeq,
		Change: journal.Change{Node: s.Node, Seen: s.Seen}}, ok, err
}

// settled tells the rest of the applier how the round ended.
func (r *round) settled() {
	for _, t := range r.tasks {
		switch {
		case t.state == done:
			delete(r.doubts, t.node.ID)
			r.troubles.solved(t.node.ID)
			r.troubles.lacking(t.seen.Lacks, t.node)
		case errors.Is(t.err, errOnItsWay):
			if r.again { // its row says already what it is to be
				r.doubts[t.node.ID] = true
			}
			r.troubles.solved(t.node.ID)
		case errors.Is(t.err, errNoParent) && !r.awaited(t.node.Parent):
			r.troubles.solved(t.node.ID)
		case errors.Is(t.err, errMovedOn):
			r.troubles.owed(t.entry, r.pathOf(t), t.err)
		case t.state == failed:
			r.troubles.failed(t.entry, r.pathOf(t), t.err)
		}
	}
	r.forgetBuried()
	r.act.deleted(r.doomed)
	if r.set.FullDone {
		r.troubles.keep(r.named.has)
		r.named = named{}
		r.dropHold()
	}
}

// forgetBuried drops the troubles of nodes whose directories went.
func (r *round) forgetBuried() {
	for again := true; again; {
		again = false
		for _, n := range r.troubles.nodes() {
			if n.Parent != journal.Parked && !r.awaited(n.Parent) {
				r.troubles.solved(n.ID)
				again = true
			}
		}
	}
}

// awaited says whether a directory that is not here may still come: it failed
// itself and is tried again. A capitol tells no node before its directory, so
// any other that is missing was removed before it got here, and what was to be in
// it with it.
func (r *round) awaited(id journal.NodeID) bool {
	for hops := 0; id != journal.Root && hops < maxDepth; hops++ {
		if t := r.byID[id]; r.troubles.has(id) || t != nil && t.state == failed && !errors.Is(t.err, errNoParent) {
			return true
		}
		s, ok, err := row(r.ctx, r.journal, id)
		if err != nil || ok && s.Node.Parent == journal.Parked {
			return true
		}
		if t := r.byID[id]; t != nil && !t.gone {
			s.Node.Parent = t.node.Parent
		} else if !ok {
			return false
		}
		id = s.Node.Parent
	}
	return true
}

// pathOf is a task's path for people.
func (r *round) pathOf(t *task) string {
	if t.gone {
		return join(r.places.rowPath(t.node.ID))
	}
	if t.entry.Path != "" {
		return t.entry.Path
	}
	return join(append([]string{t.node.Name}, r.places.rowPath(t.node.Parent)...))
}
