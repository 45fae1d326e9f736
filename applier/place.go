package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

var errTaken = &pathError{"another node has that name"}

// place puts every node where it belongs, its directory first. A node in the
// way goes first to where it belongs; if it waits for us, both change places;
// what has no place of its own is parked.
func (r *round) place() error {
	for before := -1; before != r.moves; {
		before = r.moves
		for _, t := range r.tasks {
			if t.gone || t.state != todo {
				continue
			}
			if err := r.settle(t); err != nil {
				return err
			}
		}
	}
	for _, t := range r.tasks {
		if !t.gone && t.state == todo {
			t.fail(errTangled)
		}
		if t.err == errTangled {
			r.behind = append(r.behind, t) // what carries its directory may move out in the next set
		}
		if t.state == failed && t.known {
			if err := r.strand(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle places one task, or leaves it todo if it has to wait.
func (r *round) settle(t *task) error {
	if t.node.ID == journal.Root {
		t.state = done
		return nil
	}
	t.state = doing
	ready, err := r.clearWay(t)
	if err == nil && ready {
		err = r.put(t)
	}
	switch {
	case err != nil:
		t.state = failed
		return t.fail(err)
	case ready:
		t.state = done
	default:
		t.state = todo
	}
	return nil
}

// clearWay settles what a task waits for, until nothing moves any more.
func (r *round) clearWay(t *task) (ready bool, err error) {
	for range maxTurns {
		before := r.moves
		if ready, err = r.needParent(t); err != nil || !ready {
			return ready, err
		}
		if err := r.settleHolder(t); err != nil {
			return false, err
		}
		if r.moves == before {
			return true, nil
		}
	}
	return true, nil
}

// maxTurns is more than two nodes can wait for each other in turn.
const maxTurns = 8

// needParent makes sure that the directory is there, and not inside the node
// itself: then the node steps aside, the directory comes out, and it is tried again.
func (r *round) needParent(t *task) (bool, error) {
	parent := t.node.Parent
	p := r.byID[parent]
	if p != nil && p.state == todo && !p.gone {
		if err := r.settle(p); err != nil {
			return false, err
		}
	}
	waits := p != nil && p.waits()
	_, here, err := r.places.of(parent)
	if err != nil {
		return false, err
	}
	inside := false
	if here && t.known && t.old.Node.Kind == journal.Dir {
		var carrier *task
		if inside, carrier, err = r.comeOut(parent, t.id()); err != nil {
			return false, err
		}
		waits = waits || carrier != nil
	}
	switch {
	case here && !inside:
		return true, nil
	case !waits && inside:
		return false, errTangled
	case !waits || p != nil && p.gone:
		return false, errNoParent
	case !t.known:
		return false, nil
	}
	return false, r.park(t.id())
}

// comeOut says whether a directory is beneath another. If something between them
// is to be moved, it is settled first; what still waits then is the carrier.
func (r *round) comeOut(id, above journal.NodeID) (inside bool, carrier *task, err error) {
	for range 2 {
		if inside, err = r.places.inside(id, above); err != nil || !inside {
			return inside, nil, err
		}
		if carrier, err = r.carrier(id, above); err != nil || carrier == nil || carrier.state == doing {
			return inside, carrier, err
		}
		if err = r.settle(carrier); err != nil {
			return inside, nil, err
		}
	}
	if carrier != nil && !carrier.waits() {
		carrier = nil
	}
	return inside, carrier, nil
}

// carrier is the highest directory between two that is not yet where it belongs.
func (r *round) carrier(id, above journal.NodeID) (found *task, err error) {
	for hops := 0; id != above && hops < maxDepth; hops++ {
		if t := r.byID[id]; t != nil && !t.gone && t.waits() {
			found = t
		}
		at, ok, err := r.places.of(id)
		if err != nil || !ok {
			return nil, err
		}
		id = at.parent
	}
	return found, nil
}

// settleHolder lets the node that holds the wanted name go where it belongs.
func (r *round) settleHolder(t *task) error {
	id, err := r.places.holder(spot{t.node.Parent, t.node.Name})
	if err != nil || id == 0 || id == t.id() {
		return err
	}
	h := r.byID[id]
	if h == nil || h.gone || h.state != todo {
		return nil
	}
	return r.settle(h)
}

// put makes the name lead to the node. Its directory is there.
func (r *round) put(t *task) error {
	want := spot{t.node.Parent, t.node.Name}
	here, known, err := r.places.of(t.id())
	if err != nil {
		return err
	}
	switch {
	case t.staged != "", t.nameless != nil:
	case !known:
		return errLost
	case here == want:
		return nil
	}
	holder, err := r.trueHolder(want)
	if err != nil {
		return err
	}
	if h := r.byID[holder]; h != nil && h != t && h.state == done {
		return errTaken
	}
	if t.nameless != nil {
		if done, err := r.linkFree(t, want, holder); done || err != nil {
			return err
		}
	}
	return r.putNamed(t, here, want, holder, known)
}

// putNamed is put for what has a name by now, in staging or where it was.
func (r *round) putNamed(t *task, here, want spot, holder journal.NodeID, known bool) (err error) {
	from, staged := here, t.staged != ""
	if staged {
		from = spot{inStaging, t.staged}
	}
	if holder == 0 {
		err = r.putFree(from, want)
	} else {
		err = r.putHeld(t, from, want, holder)
	}
	if err != nil {
		return err
	}
	t.staged = ""
	r.places.put(t.id(), want)
	if staged && known && here != want {
		if err = r.discardAt(here, t.id(), &t.old); err != nil {
			return r.takeBack(t, from, want, here, err)
		}
	}
	if staged && known {
		r.places.dirs.forget(t.id())
	}
	return err
}

// putFree takes a name that none of ours has. What is there nevertheless is not
// ours and goes to the trash first, so that it is lost at no moment.
func (r *round) putFree(from, want spot) error {
	err := r.rename(from, want, beneath.NoReplace)
	if !beneath.IsErrno(err, unix.EEXIST) {
		return err
	}
	if err := r.sameSpelling(want); err != nil {
		return err
	}
	if err := r.discardForeign(want); err != nil {
		return err
	}
	return r.rename(from, want, beneath.NoReplace)
}

// sameSpelling refuses a name that only a file system which ignores case, or
// folds letters, takes for one that is there.
func (r *round) sameSpelling(at spot) error {
	dir, release, err := r.places.dir(at.parent)
	if err != nil {
		return err
	}
	defer release()
	names, err := dir.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == at.name {
			return nil
		}
	}
	return errSpelling
}

var errSpelling = &pathError{"this file system takes the name for another that is there"}

// putHeld changes places with the node that has the name, which therefore never
// vanishes. What comes out is the node's own old version, or makes way.
func (r *round) putHeld(t *task, from, want spot, holder journal.NodeID) error {
	err := r.rename(from, want, beneath.Exchange)
	switch {
	case beneath.IsErrno(err, unix.ENOENT):
		return r.rename(from, want, beneath.NoReplace)
	case beneath.IsErrno(err, unix.EINVAL, unix.ENOSYS):
		return r.putAfter(t, want, holder)
	case err != nil:
		return err
	}
	t.staged = "" // what has that name now is an old version
	if holder == t.id() {
		return r.discardOld(t, from, want)
	}
	r.places.put(holder, from)
	if h := r.byID[holder]; from.parent != inStaging && h != nil && (h.gone || h.state == todo || h.state == doing) {
		return nil
	}
	return r.changeBack(t, from, want, holder, r.park(holder))
}

// discardOld sends what changed places with its new version to the trash. What
// the trash does not take stays in staging until the set is recorded; a version that somebody
// edited gets its place back.
func (r *round) discardOld(t *task, from, want spot) error {
	err := r.discardAt(from, t.id(), &t.old)
	if err == nil || !pathOnly(err) || from.parent != inStaging {
		return err
	}
	if st, ok, _ := r.lookStaged(from); !ok || !sameObject(st, &t.old) || t.old.Node.Kind != journal.Symlink && !sameBytes(st, &t.old.Seen) {
		return r.changeBack(t, from, want, t.id(), err)
	}
	r.left = append(r.left, from.name)
	return nil
}

// putAfter is for what cannot change places: a directory with its own
// ancestor, or any where the file system has no exchange.
func (r *round) putAfter(t *task, want spot, holder journal.NodeID) error {
	var err error
	if holder == t.id() {
		err = r.discardAt(want, holder, &t.old)
	} else {
		err = r.park(holder)
	}
	if err != nil {
		return err
	}
	from, _, err := r.places.of(t.id())
	if t.staged != "" {
		from = spot{inStaging, t.staged}
	}
	if err != nil {
		return err
	}
	return r.rename(from, want, beneath.NoReplace)
}
