package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// dressOld sets owner, attributes, times and mode of what stays, where it is now.
func (r *round) dressOld(t *task) error {
	at, _, err := r.places.of(t.id())
	if err != nil {
		return err
	}
	dir, release, err := r.places.dir(at.parent)
	if err != nil {
		return err
	}
	defer release()
	if t.node.Kind == journal.Symlink {
		t.seen.Lacks, err = dressLink(dir, at.name, t.node)
		return err
	}
	f, err := r.openToDress(dir, at.name, t.node.Kind)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.dressFile(t, f)
}

// dressFile dresses and, if anything changed, flushes.
func (r *round) dressFile(t *task, f *beneath.File) error {
	before, err := f.Stat()
	if err != nil {
		return err
	}
	if t.seen.Lacks, err = dress(f, r.lateMode(t), before); err != nil {
		return err
	}
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if before == after {
		return nil
	}
	return r.flush.file(f)
}

// openToDress opens for reading, and loosens a mode that forbids even that to us.
func (r *round) openToDress(dir *beneath.Dir, name string, kind journal.Kind) (*beneath.File, error) {
	f, err := openAs(dir, name, kind)
	if beneath.IsErrno(err, unix.EACCES) {
		mode := uint32(0o600)
		if kind == journal.Dir {
			mode = 0o700
		}
		if err := dir.Chmod(name, mode); err != nil {
			return nil, err
		}
		return openAs(dir, name, kind)
	}
	return f, err
}

func openAs(dir *beneath.Dir, name string, kind journal.Kind) (*beneath.File, error) {
	if kind != journal.Dir {
		return dir.Read(name)
	}
	d, err := dir.Dir(name)
	if err != nil {
		return nil, err
	}
	return d.File(), nil
}

func (r *round) dressRoot(t *task) error { return r.dressFile(t, r.folders.root.Top().File()) }

// lateMode is the node with a mode that lets us work in it: a directory that
// its owner may not write gets its own mode when all is placed.
func (r *round) lateMode(t *task) *journal.Node {
	if t.node.Kind != journal.Dir || t.node.Mode&0o700 == 0o700 {
		return t.node
	}
	n := *t.node
	n.Mode |= 0o700
	t.late = true
	return &n
}

// stageDir makes a directory in staging, dressed before anybody sees it.
func (r *round) stageDir(t *task) error {
	name := tempName()
	if err := r.folders.staging.Mkdir(name, 0o700); err != nil {
		return err
	}
	t.staged = name
	d, err := r.folders.staging.Dir(name)
	if err != nil {
		return err
	}
	defer d.Close()
	st, err := d.Self()
	if err != nil {
		return err
	}
	t.made = objectOf(st)
	t.seen.Lacks, err = dressNew(d.File(), r.lateMode(t), st)
	return err
}

// stageLink makes a symbolic link in staging; its target is data.
func (r *round) stageLink(t *task) (err error) {
	name := tempName()
	if err := r.folders.staging.Symlink(t.node.Target, name); err != nil {
		return err
	}
	t.staged = name
	st, err := r.folders.staging.Stat(name)
	if err != nil {
		return err
	}
	t.made = objectOf(st)
	t.seen.Lacks, err = dressLink(r.folders.staging, name, t.node)
	return err
}

// dressLink sets what a symbolic link can have: owner and time.
func dressLink(dir *beneath.Dir, name string, n *journal.Node) (lacks journal.Lack, err error) {
	st, err := dir.Stat(name)
	if err != nil {
		return 0, err
	}
	if st.UID != n.UID || st.GID != n.GID {
		if lacks, err = allow(journal.LackOwner, dir.ChownLink(name, n.UID, n.GID)); err != nil {
			return lacks, err
		}
	}
	if st.MSec != n.MTime.Sec || st.MNsec != n.MTime.Nsec {
		lack, err := allow(journal.LackTime, dir.TimeLink(name, n.MTime.Sec, n.MTime.Nsec))
		return lacks | lack, err
	}
	return lacks, nil
}
