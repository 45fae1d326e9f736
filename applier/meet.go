package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// meet finds what of a task's node is on the disk already: its own old state, a
// stale node that it takes over, or something equal that hydrasync did not make. Its
// directory is met first.
func (r *round) meet(t *task) error {
	if t.met || t.state != todo {
		return nil
	}
	t.met = true
	if t.node.ID == journal.Root {
		return r.meetRoot(t)
	}
	if t.gone {
		return r.locate(t)
	}
	if p := r.byID[t.node.Parent]; p != nil {
		if err := p.failOr(r.meet(p)); err != nil {
			return err
		}
	}
	here, err := r.parentHere(t)
	switch {
	case err != nil:
		return err
	case t.node.Parent == journal.Root && t.node.Name == StateName:
		return t.fail(errReserved)
	case !here:
		return t.fail(errNoParent)
	}
	if t.known {
		if err := r.locate(t); err != nil || t.known {
			return err
		}
	}
	if err := r.adopt(t); err != nil {
		return err
	}
	if !t.known && t.node.Kind == journal.Dir && t.old.Node.ID == 0 {
		r.places.fresh[t.id()] = true
	}
	return nil
}

// meetRoot takes the destination itself, which is always there.
func (r *round) meetRoot(t *task) error {
	if !t.known {
		stale, err := r.journal.Lookup(r.ctx, journal.Parked, "")
		if err == nil {
			r.takeOver(t, stale)
		}
	}
	t.known = true
	t.old.Node.Kind = journal.Dir
	r.places.put(journal.Root, spot{})
	return nil
}

func (r *round) takeOver(t *task, stale journal.Stored) {
	t.was, t.old, t.known = stale.Node.ID, stale, true
	if t.node.Kind == journal.Dir {
		r.places.was[t.id()] = t.was
	}
	at := spot{t.node.Parent, t.node.Name}
	if t.node.ID == journal.Root {
		at = spot{}
	}
	r.places.put(t.was, at) // what is beneath it is still found through it
	r.places.put(t.id(), at)
}

// locate finds a known node on the disk: where its row says, parked, or already
// where it is wanted (a crash came before the journal was written). A node that is
// nowhere is made anew.
func (r *round) locate(t *task) error {
	at, _, err := r.places.of(t.id())
	if err != nil {
		return err
	}
	for _, s := range []spot{at, {journal.Parked, parkedName(t.id())}, {t.node.Parent, t.node.Name}} {
		st, ok, err := r.lookWell(s)
		if err != nil {
			return err
		}
		if !ok || !sameObject(st, &t.old) {
			continue
		}
		if s == at {
			return nil
		}
		other, err := r.places.rowAt(s)
		if err != nil {
			return err
		}
		if other != 0 && other != t.id() {
			continue // another name of the same inode
		}
		r.places.put(t.id(), s)
		return nil
	}
	t.known = false
	r.places.put(t.id(), nowhere)
	r.places.dirs.forget(t.id())
	if t.old.Node.Kind == journal.Dir && !t.gone {
		r.troubles.askVerify()
	}
	return nil
}

// look is a stat at a spot; not ok if nothing is to be had there.
func (r *round) look(s spot) (st beneath.Stat, ok bool, err error) {
	st, ok, err = r.lookWell(s)
	if err != nil && pathOnly(err) {
		return st, false, nil
	}
	return st, ok, err
}

// lookWell is look for who concludes something from an absence: not ok if nothing is
// there or its directory is not. What the disk does not let us see is an error: it may be there.
func (r *round) lookWell(s spot) (st beneath.Stat, ok bool, err error) {
	if s.name == "" || s == nowhere {
		return st, false, nil
	}
	dir, release, err := r.places.dir(s.parent)
	if err == nil {
		st, err = dir.Stat(s.name)
		release()
	}
	if err != nil && pathOnly(err) && !unseen(err) {
		return st, false, nil
	}
	return st, err == nil, err
}

// unseen says that an error tells nothing of what is there.
func unseen(err error) bool { return beneath.IsErrno(err, unix.EIO, unix.EACCES, unix.EPERM) }

// adopt takes what is at a new node's place if it is what is wanted: a stale
// row's, or a foreign one with the same content.
func (r *round) adopt(t *task) error {
	at := spot{t.node.Parent, t.node.Name}
	if r.places.fresh[at.parent] || r.asksLinking(t) {
		return nil
	}
	st, ok, err := r.look(at)
	if err != nil || !ok || st.Type != typeOf(t.node.Kind) {
		return err
	}
	id, err := r.places.holder(at)
	switch {
	case err != nil:
		return err
	case id > 0 && id != t.id(), r.byID[id] != nil && r.byID[id].gone:
		return nil // one of ours that is about to move or go
	case id < 0:
		stale, ok, err := row(r.ctx, r.journal, id)
		if err != nil || !ok || stale.Node.Kind != t.node.Kind {
			return err
		}
		r.takeOver(t, stale)
		if sameObject(st, &stale) {
			return nil
		}
		t.known = false
		r.places.put(t.id(), nowhere)
	}
	return r.adoptForeign(t, at, st)
}

// asksLinking spares the look before a content is linked where nothing was when the
// subscription began: a stranger that has come since is met then.
func (r *round) asksLinking(t *task) bool {
	s := r.set.ready[t.node.ID]
	return s != nil && s.nameless != nil && r.bare.Load()
}

func (r *round) adoptForeign(t *task, at spot, st beneath.Stat) error {
	same, err := r.sameContent(t.node, at, st)
	if err != nil || !same {
		return err
	}
	t.known, t.adopted = true, true
	t.old = journal.Stored{Node: journal.Node{ID: t.id(), Parent: at.parent, Name: at.name, Kind: t.node.Kind,
		Body: t.node.Body, Target: t.node.Target, Link: t.node.Link}, Seen: seenOf(st)}
	r.places.put(t.id(), at)
	return nil
}

// sameContent compares what is on the disk with what is wanted, reading a file
// only if its size is right. A foreign file with more names is not taken: its
// other names would change with it.
func (r *round) sameContent(n *journal.Node, at spot, st beneath.Stat) (bool, error) {
	dir, release, err := r.places.dir(at.parent)
	if err != nil {
		return false, err
	}
	defer release()
	switch n.Kind {
	case journal.Dir:
		return true, nil
	case journal.Symlink:
		target, err := dir.Readlink(at.name)
		return err == nil && target == n.Target && (st.Links == 1 || n.Link != 0), nil
	}
	if st.Size != n.Body.Size || st.Links > 1 && n.Link == 0 {
		return false, nil
	}
	f, err := dir.Read(at.name)
	if err != nil {
		return false, nil
	}
	defer f.Close()
	digest, _, err := digestOf(r.ctx, f, st.Size)
	if err != nil && !pathOnly(err) {
		return false, err
	}
	return err == nil && digest == n.Body.Digest, nil
}

func typeOf(k journal.Kind) uint32 {
	switch k {
	case journal.Dir:
		return beneath.Directory
	case journal.Symlink:
		return beneath.Link
	}
	return beneath.Regular
}

// sameObject says whether what was found is the object that a row remembers.
// Inode numbers are used again; with its birth it is that inode.
func sameObject(st beneath.Stat, s *journal.Stored) bool {
	return st.Type == typeOf(s.Node.Kind) && (s.Seen.Ino == 0 || objectOf(st).is(object{s.Seen.Ino, s.Seen.BTime}))
}

// object is an inode, with its birth where the file system keeps it.
type object struct {
	Ino  uint64
	Born journal.Time
}

func objectOf(st beneath.Stat) object {
	return object{st.Ino, journal.Time{Sec: st.BSec, Nsec: st.BNsec}}
}

func (o object) is(p object) bool {
	return o.Ino == p.Ino && o.Ino != 0 && (o.Born == p.Born || o.Born == journal.Time{} || p.Born == journal.Time{})
}

// untouched says whether a file's bytes are still those that a row remembers.
// Owner, mode and attributes may have changed: they are compared themselves.
func untouched(st beneath.Stat, s *journal.Seen) bool {
	return st.Ino == s.Ino && st.Size == s.Size && st.MSec == s.MTime.Sec && st.MNsec == s.MTime.Nsec &&
		st.CSec == s.CTime.Sec && st.CNsec == s.CTime.Nsec
}

// seenOf is what a journal remembers of a stat.
func seenOf(st beneath.Stat) journal.Seen {
	return journal.Seen{
		Dev: st.Dev, Ino: st.Ino, Size: st.Size,
		BTime: journal.Time{Sec: st.BSec, Nsec: st.BNsec},
		CTime: journal.Time{Sec: st.CSec, Nsec: st.CNsec},
		MTime: journal.Time{Sec: st.MSec, Nsec: st.MNsec},
	}
}
