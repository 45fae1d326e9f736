package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// trueHolder is the node of ours that is really there: after a crash, or a
// stranger's hand, the row may say more than the disk.
func (r *round) trueHolder(at spot) (journal.NodeID, error) {
	id, err := r.places.holder(at)
	if err != nil || id == 0 || r.places.hasMoved(id) {
		return id, err
	}
	if t := r.byID[id]; t != nil && t.met && t.known {
		return id, nil
	}
	s, ok, err := row(r.ctx, r.journal, id)
	if err != nil || !ok {
		return 0, err
	}
	st, here, err := r.lookWell(at)
	if err != nil || here && sameObject(st, &s) {
		return id, err
	}
	parked := spot{journal.Parked, parkedName(id)}
	st, here, err = r.lookWell(parked)
	if err != nil {
		return 0, err
	}
	if !here || !sameObject(st, &s) {
		parked = nowhere
	}
	r.places.put(id, parked)
	r.strays = append(r.strays, id)
	return 0, nil
}

// park takes a node out of the tree. One that no task brings back is recorded
// as parked: a later set places it, or removes it.
func (r *round) park(id journal.NodeID) error {
	at, ok, err := r.places.of(id)
	to := spot{journal.Parked, parkedName(id)}
	if err != nil || !ok || at == to {
		return err
	}
	err = r.rename(at, to, beneath.NoReplace)
	if beneath.IsErrno(err, unix.EEXIST) {
		if err := r.discardForeign(to); err != nil {
			return err
		}
		err = r.rename(at, to, beneath.NoReplace)
	}
	if err != nil {
		return err
	}
	r.places.put(id, to)
	if r.byID[id] == nil {
		r.strays = append(r.strays, id)
	}
	return nil
}

// strand parks a failed task's node if it is no longer where its row says. What
// cannot even be parked is taken for lost: it will be made anew.
func (r *round) strand(t *task) error {
	at, ok, err := r.places.of(t.id())
	if err != nil || t.was != 0 || ok && at == (spot{t.old.Node.Parent, t.old.Node.Name}) {
		return err
	}
	if ok {
		if err := r.park(t.id()); err != nil && !pathOnly(err) {
			return err
		}
	}
	r.strays = append(r.strays, t.id())
	return nil
}
