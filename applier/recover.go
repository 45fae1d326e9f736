package applier

import (
	"context"
	"errors"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// recover makes rows and disk agree after a round that ended between its first
// rename and its record: by a kill, or an error of the whole disk. It looks for the
// objects of that round, by their inodes, wherever it may have left them.
//
//   - What the journal knew, and is where the set wanted it, is recorded so.
//   - What the journal knew, and is on its way, goes back to where its row says, or
//     is parked.
//   - What the journal did not know is removed: the capitol need not tell of
//     its end to a city that never said it had it. It comes again with the set.
func (a *Applier) recover(ctx context.Context) error {
	tasks, err := readIntent(a.folders.intent)
	if err != nil || len(tasks) == 0 {
		return err
	}
	r := newRound(ctx, a, Set{Position: a.journal.Position()}, nil)
	r.detach()
	defer r.close()
	s := &search{round: r, spots: make(map[spot]bool)}
	steps := []func() error{func() error { return s.cast(tasks) }, s.find, s.settleAll, s.removeUnknown, r.flushDirs, s.record}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	a.cfg.Log.Debug().Int("nodes", len(s.lost)).Msg("finished what was interrupted")
	return dropIntent(a.folders.intent)
}

// search looks for what a round left anywhere.
type search struct {
	*round
	lost    []*found
	spots   map[spot]bool // where something may be; true: looked at
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
		s.spots[spot{inStaging, name}] = false
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
			s.spots[at] = false
		}
	}
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
// makes others reachable.
func (s *search) find() error {
	for again := true; again; {
		again = false
		s.places.dirs.forgetAll()
		for at, seen := range s.spots {
			if seen {
				continue
			}
			ok, err := s.findAt(at)
			if err != nil {
				return err
			}
			again = again || ok
		}
	}
	return nil
}

// findAt says whether something of ours was found at a spot that was not
// reachable before.
func (s *search) findAt(at spot) (bool, error) {
	if ok, err := s.reachable(at.parent); err != nil || !ok {
		return false, err
	}
	st, ok, err := s.lookStaged(at)
	if err != nil || !ok {
		return false, err
	}
	s.spots[at] = true
	f, made := s.owner(at, st)
	switch {
	case f == nil:
		return false, nil
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

func absentOnly(err error) error {
	if pathOnly(err) {
		return nil
	}
	return err
}

// owner is the node whose object was found. Names of one inode cannot be told
// apart: who wants to be there, or was there, is it; else any that was not found yet.
func (s *search) owner(at spot, st beneath.Stat) (best *found, made bool) {
	for _, f := range s.lost {
		switch {
		case f.made.is(objectOf(st)) && f.madeAt == nowhere && f.wanted == at:
			return f, true
		case !f.known || f.oldAt != nowhere || !sameObject(st, &f.old):
		case s.rowSpot(f) == at || f.wanted == at:
			return f, false
		default:
			best = f
		}
	}
	return best, false
}

// settleAll decides for every known node where it is to be.
func (s *search) settleAll() error {
	for _, f := range s.lost {
		if !f.known {
			continue
		}
		if err := s.settleFound(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) settleFound(f *found) error {
	at, fresh := f.oldAt, false
	if f.madeAt != nowhere {
		at, fresh = f.madeAt, true
		if f.oldAt != nowhere {
			if err := s.discard(f.oldAt, f.row, &f.old, f.old.Node.Kind == journal.Dir); err != nil {
				return err
			}
		}
	}
	arrived, err := s.arrived(f, at, fresh)
	switch {
	case err != nil:
		return err
	case at == nowhere:
		return s.tellLost(f)
	case arrived:
		return s.tell(f, at, fresh, false)
	case at == s.rowSpot(f):
		if fresh {
			return s.tell(f, at, true, true)
		}
		return nil
	}
	if at, err = s.bringBack(f, at); err != nil {
		return err
	}
	if at == s.rowSpot(f) && !fresh {
		return nil
	}
	return s.tell(f, at, fresh, true)
}

// arrived says whether a node is what and where the set wanted it, in a directory that
// the journal knows.
func (s *search) arrived(f *found, at spot, fresh bool) (bool, error) {
	if !f.told || f.gone || at != f.wanted || !fresh && f.made.Ino != 0 {
		return false, nil
	}
	_, ok, err := row(s.ctx, s.journal, at.parent)
	return ok, err
}

// bringBack moves a node to where its row says, or parks it.
func (s *search) bringBack(f *found, at spot) (spot, error) {
	want := s.rowSpot(f)
	ok, err := s.reachable(want.parent)
	if err != nil {
		return at, err
	}
	if ok {
		err = s.rename(at, want, beneath.NoReplace)
	}
	if !ok || err != nil && pathOnly(err) {
		return spot{journal.Parked, parkedName(f.row)}, s.park(f.row)
	}
	if err == nil {
		s.places.put(f.row, want)
		s.places.put(f.node.ID, want)
	}
	return want, err
}

// tell records what a node is now: as the set has it, or, with its place from
// elsewhere, where it came to be.
func (s *search) tell(f *found, at spot, fresh, displaced bool) error {
	e := f.entry
	if !fresh && displaced {
		e = rowEntry(&f.old)
	}
	if displaced {
		e.Change.Node.Parent, e.Change.Node.Name = at.parent, at.name
	}
	st, ok, err := s.look(at)
	if err != nil || !ok {
		return err
	}
	e.Change.Seen = seenOf(st)
	e.Change.Seen.Lacks = f.old.Seen.Lacks
	s.entries = append(s.entries, e)
	return nil
}

// tellLost is for what is nowhere: if it was to go, it is gone; else its row loses
// its place, and a later set makes it anew.
func (s *search) tellLost(f *found) error {
	if f.told && f.gone {
		s.entries = append(s.entries, f.entry)
		return nil
	}
	e := rowEntry(&f.old)
	e.Change.Node.Parent, e.Change.Node.Name = journal.Parked, parkedName(f.row)
	s.entries = append(s.entries, e)
	return nil
}

// rowEntry is a row as an entry.
func rowEntry(s *journal.Stored) journal.Entry {
	return journal.Entry{Seq: s.Seq, Time: now(), BodySeq: s.BodySeq, PlaceSeq: s.PlaceSeq,
		Change: journal.Change{Node: s.Node, Seen: s.Seen}}
}

// removeUnknown takes away what the journal does not know, directories when
// they are empty: what a stranger put into one goes to the trash with it.
func (s *search) removeUnknown() error {
	for left := -1; ; {
		n := 0
		for _, f := range s.lost {
			if f.known || f.adopted || f.madeAt == nowhere || f.madeAt.parent == inStaging {
				continue
			}
			gone, err := s.removeMade(f, left == 0)
			if err != nil {
				return err
			}
			if gone {
				f.madeAt = nowhere
				n++
			}
		}
		if n == 0 && left == 0 {
			return nil
		}
		left = n
	}
}

func (s *search) removeMade(f *found, whatever bool) (bool, error) {
	dir, release, err := s.places.dir(f.madeAt.parent)
	if err != nil {
		return true, absent(err)
	}
	defer release()
	s.flush.touch(f.madeAt.parent)
	s.places.dirs.forget(f.node.ID)
	delete(s.flush.dirs, f.node.ID)
	if f.node.Kind == journal.Dir {
		err = dir.Rmdir(f.madeAt.name)
	} else {
		err = dir.Unlink(f.madeAt.name)
	}
	switch {
	case !beneath.IsErrno(err, unix.ENOTEMPTY, unix.EEXIST):
		return true, absent(err)
	case whatever:
		return true, s.discardForeign(f.madeAt)
	}
	return false, nil
}

func (s *search) record() error {
	if len(s.entries) == 0 {
		return nil
	}
	return s.journal.Record(s.ctx, s.entries, journal.Position{})
}
