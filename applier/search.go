package applier

import (
	"errors"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// search looks for what a round left anywhere.
type search struct {
	*round
	lost    []*found
	spots   map[spot]bool // where something may be; true: looked at
	order   []spot        // of them
	entries []journal.Entry
}

// found is a node whose objects are looked for.
type found struct {
	*task
	told   bool           // the set names it; else it stood in the way
	row    journal.NodeID // its row's id: that of the stale node that it takes over, if any
	oldAt  spot           // where the object of its row is
	madeAt spot           // where the one that was made for it is
	wanted spot
}

// cast lists the nodes that the round could have moved, and the spots.
func (s *search) cast(tasks []intended) error {
	for i := range tasks {
		if err := s.castTask(&tasks[i]); err != nil {
			return err
		}
	}
	for _, f := range s.lost {
		if err := s.castHolder(f.wanted); err != nil {
			return err
		}
	}
	names, err := s.folders.staging.Names()
	for _, name := range names {
		s.mayBeAt(spot{inStaging, name})
	}
	return err
}

func (s *search) castTask(i *intended) error {
	t := &task{entry: i.Entry, gone: i.Entry.Change.Gone, made: i.Made, adopted: i.Adopted, was: i.Entry.Change.Was}
	t.node = &t.entry.Change.Node
	s.doubts[t.node.ID] = true
	if t.node.ID == journal.Root {
		return nil
	}
	f := &found{task: t, told: true, row: t.node.ID, oldAt: nowhere, madeAt: nowhere, wanted: nowhere}
	if t.was != 0 {
		f.row = t.was
	}
	done, err := s.recorded(f)
	if err != nil || done {
		return err
	}
	if !t.gone {
		f.wanted = spot{t.node.Parent, t.node.Name}
	}
	s.add(f)
	return nil
}

// recorded says whether the journal is as new as the intent: then the round
// came to its end, or another did its work.
func (s *search) recorded(f *found) (bool, error) {
	now, err := s.journal.Node(s.ctx, f.node.ID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return false, err
	}
	if err == nil && (now.Seq > f.entry.Seq || now.Seq == f.entry.Seq && (now.Gone || f.made.Ino == 0 || f.made.Ino == now.Seen.Ino)) {
		return true, nil
	}
	f.old, f.known, err = row(s.ctx, s.journal, f.row)
	return false, err
}

func (s *search) add(f *found) {
	s.lost = append(s.lost, f)
	s.byID[f.row], s.byID[f.node.ID] = f.task, f.task
	for _, at := range []spot{f.wanted, s.rowSpot(f), {journal.Parked, parkedName(f.row)}} {
		if at != nowhere {
			s.mayBeAt(at)
		}
	}
}

// mayBeAt adds a spot.
func (s *search) mayBeAt(at spot) {
	if _, known := s.spots[at]; !known {
		s.order = append(s.order, at)
	}
	s.spots[at] = false
}

// castHolder adds the node whose row says that it is at a spot: it may have made way.
func (s *search) castHolder(at spot) error {
	if at == nowhere {
		return nil
	}
	h, err := s.journal.Lookup(s.ctx, at.parent, at.name)
	if errors.Is(err, journal.ErrNotFound) || err == nil && s.byID[h.Node.ID] != nil {
		return nil
	}
	if err == nil {
		t := &task{old: h, known: true, node: &h.Node}
		s.add(&found{task: t, row: h.Node.ID, oldAt: nowhere, madeAt: nowhere, wanted: nowhere})
	}
	return err
}

// rowSpot is where a node's row says that it is.
func (s *search) rowSpot(f *found) spot {
	if !f.known {
		return nowhere
	}
	return spot{f.old.Node.Parent, f.old.Node.Name}
}

// find looks at the spots again and again, because each directory that is found
// makes others reachable. Names of one inode cannot be told apart: first each goes to
// who wants to be there or was there, and only what is left to any that has the inode.
func (s *search) find() error {
	for exact := true; ; {
		found, err := s.findAll(exact)
		switch {
		case err != nil:
			return err
		case !found && !exact:
			return nil
		}
		exact = found
	}
}

// findAll looks once at every spot where nothing was found yet.
func (s *search) findAll(exact bool) (found bool, err error) {
	s.places.dirs.forgetAll()
	for _, at := range s.order {
		if s.spots[at] {
			continue
		}
		ok, err := s.findAt(at, exact)
		if err != nil {
			return found, err
		}
		found = found || ok
	}
	return found, nil
}

// findAt says whether something of ours was found at a spot that was not
// reachable before.
func (s *search) findAt(at spot, exact bool) (bool, error) {
	if ok, err := s.reachable(at.parent); err != nil || !ok {
		return false, err
	}
	st, ok, err := s.lookStaged(at)
	if err != nil || !ok {
		return false, err
	}
	f, made := s.owner(at, st, exact)
	if f != nil && made && at.parent == inStaging {
		if whole, err := s.cameWhole(f, at, st); err != nil || !whole {
			s.spots[at] = true
			return false, err
		}
	}
	if f == nil {
		s.spots[at] = !exact
		return false, nil
	}
	s.spots[at] = true
	switch {
	case made:
		f.madeAt = at
	default:
		f.oldAt = at
	}
	if made || f.madeAt == nowhere {
		s.places.put(f.row, at)
		s.places.put(f.node.ID, at)
	}
	return true, nil
}

// cameWhole says whether what was staged is what it was to be. The intent is flushed
// beside it, not after it: when the power went between them, its bytes did not come to
// the disk, or not all.
func (s *search) cameWhole(f *found, at spot, st beneath.Stat) (bool, error) {
	if f.node.Kind != journal.File || !f.known {
		return true, nil
	}
	file, err := s.folders.staging.Read(at.name)
	if err != nil {
		return false, absentOnly(err)
	}
	defer file.Close()
	digest, _, err := digestOf(s.ctx, file, st.Size)
	return err == nil && digest == f.node.Body.Digest, absentOnly(err)
}

// reachable makes sure that the path to a directory leads to that directory and
// not to what has its place at the moment.
func (s *search) reachable(id journal.NodeID) (bool, error) {
	if id == inStaging || id == journal.Parked || id == journal.Root {
		return true, nil
	}
	dir, release, err := s.places.dir(id)
	if err != nil {
		return false, absentOnly(err)
	}
	defer release()
	st, err := dir.Self()
	if err != nil {
		return false, err
	}
	if t := s.byID[id]; t != nil && t.made.Ino != 0 {
		return objectOf(st).is(t.made) || t.known && sameObject(st, &t.old), nil
	}
	d, ok, err := row(s.ctx, s.journal, id)
	return ok && sameObject(st, &d), err
}

// absentOnly is nil for a directory that is not there, or closed to us. One that a
// failing disk hides may hold what is looked for.
func absentOnly(err error) error {
	if pathOnly(err) && !beneath.IsErrno(err, unix.EIO) {
		return nil
	}
	return err
}

// owner is the node whose object was found: one that wants to be there, or was
// there; if it need not be exact, any. What is in staging was made for somebody first of all.
// What was made may be where the old object was, too: a recovery that broke off brought it there.
func (s *search) owner(at spot, st beneath.Stat, exact bool) (best *found, made bool) {
	for _, f := range s.lost {
		here := s.rowSpot(f) == at || f.wanted == at
		back := f.known && (s.rowSpot(f) == at || at == spot{journal.Parked, parkedName(f.row)})
		switch {
		case f.made.is(objectOf(st)) && f.madeAt == nowhere && (f.wanted == at || back || !exact && at.parent == inStaging):
			return f, true
		case !f.known || f.oldAt != nowhere || !sameObject(st, &f.old):
		case here:
			return f, false
		case !exact:
			best = f
		}
	}
	return best, false
}
