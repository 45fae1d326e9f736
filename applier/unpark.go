package applier

import (
	"context"
	"errors"
	"strconv"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// unpark puts back what a crash left in parked/ in the middle of a set, so that
// readers find it until the set is applied again. What the journal knows as
// parked stays; what it does not know goes to the trash.
func (a *Applier) unpark(ctx context.Context) error {
	names, err := a.folders.parked.Names()
	if err != nil {
		return err
	}
	r := newRound(ctx, a, Set{}, nil)
	defer r.close()
	var errs []error
	for _, name := range names {
		errs = append(errs, r.unparkOne(name))
	}
	return errors.Join(errs...)
}

func (r *round) unparkOne(name string) error {
	at := spot{journal.Parked, name}
	id, _ := strconv.ParseInt(name, 10, 64)
	s, ok, err := row(r.ctx, r.journal, journal.NodeID(id))
	if err != nil {
		return err
	}
	st, here, err := r.look(at)
	switch {
	case err != nil || !here:
		return err
	case !ok || !sameObject(st, &s):
		return r.discardForeign(at)
	case s.Node.Parent == journal.Parked:
		return nil
	}
	err = r.rename(at, spot{s.Node.Parent, s.Node.Name}, beneath.NoReplace)
	if beneath.IsErrno(err, unix.EEXIST) || pathOnly(err) {
		return nil // its set is applied again and finds it here
	}
	return err
}

// dropParked removes what is parked when the tree is known to be whole without it:
// its end went by untold, with that of a directory that it had been moved to.
func (a *Applier) dropParked(ctx context.Context) error {
	rows, err := a.journal.Children(ctx, journal.Parked)
	if err != nil {
		return err
	}
	r := newRound(ctx, a, Set{Position: a.journal.Position()}, nil)
	defer r.close()
	var entries []journal.Entry
	for i := range rows {
		s := &rows[i]
		if isRoot(&s.Node) {
			continue
		}
		if err := r.discardAt(spot{journal.Parked, s.Node.Name}, s.Node.ID, s); err != nil {
			return err
		}
		entries = append(entries, journal.Entry{Seq: max(s.Seq, r.set.Position.Seq), Time: now(),
			Change: journal.Change{Gone: true, Node: journal.Node{ID: s.Node.ID}}})
	}
	if len(entries) == 0 {
		return nil
	}
	return a.write(ctx, entries, journal.Position{})
}
