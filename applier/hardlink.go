package applier

import (
	"context"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// stageHardLink gives a file or a symbolic link the inode of its group, if one of the group is on
// the disk with the same state, or takes it out of a group that it left. Not done
// means that it is made like any other file: it is the group's first.
func (r *round) stageHardLink(ctx context.Context, t *task) (done bool, err error) {
	switch {
	case t.node.Link == 0 && t.known && t.old.Node.Link != 0:
		return r.leaveGroup(ctx, t)
	case t.node.Link == 0:
		return false, nil
	}
	donor, lacks, err := r.donor(t)
	if err == nil && donor == nowhere && t.parted {
		return r.leaveGroup(ctx, t)
	}
	if err != nil || donor == nowhere {
		return false, err
	}
	inode, ok, err := r.lookStaged(donor)
	if err != nil || !ok {
		return false, err
	}
	t.seen.Lacks = lacks
	if t.known {
		at, _, err := r.places.of(t.id())
		if err != nil {
			return false, err
		}
		own, ok, err := r.look(at)
		if err != nil {
			return true, err
		}
		if ok && own.Ino == inode.Ino { // a name of that inode already
			return true, r.dressShared(t, func() error { return r.dressOld(t) })
		}
	}
	return r.linkTo(t, donor, inode)
}

// linkTo makes another name of a donor's inode in staging. Not done means that a copy
// is better than nothing: too many names, or no hard links here.
func (r *round) linkTo(t *task, donor spot, inode beneath.Stat) (done bool, err error) {
	dir, release, err := r.spotDir(donor)
	if err != nil {
		return false, err
	}
	defer release()
	name := tempName()
	if err := dir.Link(donor.name, r.folders.staging, name); err != nil {
		if beneath.IsErrno(err, unix.EMLINK, unix.EPERM, unix.EOPNOTSUPP) {
			return false, nil
		}
		return false, err
	}
	t.staged, t.made = name, objectOf(inode)
	if t.node.Kind == journal.Symlink {
		return true, nil
	}
	return true, r.dressShared(t, func() error {
		f, err := r.folders.staging.Read(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return r.dressFile(t, f)
	})
}

// dressShared dresses the inode that a task shares, unless this set has done so. What
// only the rows of its other names say may not be so: a repair of one name, as it was
// to be, changes them all.
func (r *round) dressShared(t *task, dress func() error) error {
	if t.lead != nil && t.lead.node.Link == t.node.Link {
		return nil
	}
	return dress()
}

// part finds names that share an inode and are to be of different groups from now
// on: one group keeps the inode, that of a name which stays as it is if there is one.
func (r *round) part() error {
	heirs := make(map[journal.NodeID]journal.NodeID)
	for _, stays := range []bool{true, false} {
		for _, t := range r.tasks {
			if t.gone || !t.known || t.old.Node.Link == 0 || (t.state == done) != stays {
				continue
			}
			heir, ok := heirs[t.old.Node.Link]
			if !ok {
				var err error
				if heir, err = r.heir(t); err != nil {
					return err
				}
				heirs[t.old.Node.Link] = heir
			}
			t.parted = heir != t.node.Link
		}
	}
	return nil
}

// heir is the group that keeps the inode of a task's old group: the old one if a
// name of it is not in the set, else the task's new one.
func (r *round) heir(t *task) (journal.NodeID, error) {
	if t.node.Link == t.old.Node.Link || t.was != 0 { // after a renumbering groups have other ids
		return t.node.Link, nil
	}
	rows, err := r.journal.ByLink(r.ctx, t.old.Node.Link)
	for _, s := range rows {
		if s.Node.ID != t.old.Node.ID && r.byID[s.Node.ID] == nil {
			return t.old.Node.Link, err
		}
	}
	return t.node.Link, err
}

// leaveGroup gives a name an inode of its own if it still shares one.
func (r *round) leaveGroup(ctx context.Context, t *task) (bool, error) {
	at, _, err := r.places.of(t.id())
	if err != nil {
		return false, err
	}
	st, ok, err := r.look(at)
	if err != nil || !ok || st.Links < 2 {
		return false, err
	}
	if t.node.Kind == journal.Symlink {
		return true, r.stageLink(t)
	}
	return true, r.stageContent(ctx, t)
}

// donor is where another of the group is, with the state that t wants: the first of
// this set, or one that stays as it is.
func (r *round) donor(t *task) (spot, journal.Lack, error) {
	if l := t.lead; l != nil && l.node.Link == t.node.Link {
		if l.state == failed || !sameInode(l.node, t.node) {
			return nowhere, 0, nil
		}
		s, ok, err := r.source(l)
		if err != nil || !ok {
			return nowhere, 0, err
		}
		t.seen.HashState = l.seen.HashState
		return s, l.seen.Lacks, nil
	}
	rows, err := r.journal.ByLink(r.ctx, t.node.Link)
	if err != nil {
		return nowhere, 0, err
	}
	for i := range rows {
		s := &rows[i]
		other := r.byID[s.Node.ID]
		if other != nil && (other == t || !other.stays) || s.Node.ID < 0 || !sameInode(&s.Node, t.node) {
			continue
		}
		at, _, err := r.places.of(s.Node.ID)
		if err != nil {
			return nowhere, 0, err
		}
		st, ok, err := r.look(at)
		if err != nil {
			return nowhere, 0, err
		}
		if ok && st.Ino == s.Seen.Ino && (st.Type == beneath.Link || st.Size == s.Node.Body.Size) && st.MSec == s.Seen.MTime.Sec && st.MNsec == s.Seen.MTime.Nsec {
			return at, s.Seen.Lacks, nil
		}
	}
	return nowhere, 0, nil
}

// sameInode says whether two names can share an inode.
func sameInode(a, b *journal.Node) bool {
	x, y := *a, *b
	x.ID, x.Parent, x.Name, x.Body.Generation = y.ID, y.Parent, y.Name, y.Body.Generation
	return x.Equal(y)
}
