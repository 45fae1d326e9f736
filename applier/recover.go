package applier

import (
	"context"

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

// tellLost is for what is nowhere: if it was to go, it is gone, once the directory
// without it is flushed; else its row loses its place, and a later set makes it anew.
func (s *search) tellLost(f *found) error {
	if f.told && f.gone {
		s.flush.touch(f.old.Node.Parent)
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
	return s.write(s.ctx, s.entries, journal.Position{})
}
