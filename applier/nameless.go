package applier

import (
	"errors"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// nameless makes contents that have no name before they get their place: the
// directory that all would be staged in is what new files wait for, and it would
// take and lose a name for each. A file without a name ends with its descriptor,
// so there are never more than a part of those that this process may have.
type nameless struct {
	staging *beneath.Dir
	spare   atomic.Int64 // how many more may be open
}

// maxNameless is the most that wait for their place.
const maxNameless = 16 << 10

// newNameless tries it: some file systems have no such files (O_TMPFILE in
// open(2)), and where /proc is missing only root can name them.
func newNameless(staging *beneath.Dir) *nameless {
	n := &nameless{staging: staging}
	var files unix.Rlimit
	f, err := staging.CreateNameless(0o600)
	if err != nil || unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil {
		return n
	}
	defer f.Close()
	name := tempName()
	if f.LinkAs(staging, name) == nil && staging.Unlink(name) == nil {
		n.spare.Store(int64(min(files.Cur/2, maxNameless)))
	}
	return n
}

// create gives nil if a name in staging is the better way.
func (n *nameless) create(node *journal.Node) *beneath.File {
	if node.Link != 0 {
		return nil
	}
	if n.spare.Add(-1) >= 0 {
		if f, err := n.staging.CreateNameless(node.Mode & 0o777); err == nil {
			return f
		}
	}
	n.spare.Add(1)
	return nil
}

// done closes a file: it goes, unless it has a name by now.
func (n *nameless) done(f *beneath.File) {
	f.Close()
	n.spare.Add(1)
}

// linkFree gives a task's nameless content its place, if nobody is there. What is
// not done gets a name in staging, and goes the way of all others.
func (r *round) linkFree(t *task, want spot, holder journal.NodeID) (done bool, err error) {
	if holder == 0 {
		done, err = r.link(t, want)
	}
	if !done && err == nil {
		return false, r.nameStaged(t)
	}
	return done, err
}

func (r *round) link(t *task, want spot) (bool, error) {
	dir, release, err := r.places.dir(want.parent)
	if err != nil {
		return false, err
	}
	defer release()
	err = r.linkAs(t, dir, want.name)
	if beneath.IsErrno(err, unix.EEXIST, unix.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.moves++
	r.flush.touch(want.parent)
	r.places.put(t.id(), want)
	r.dropNameless(t)
	return true, nil
}

// linkAs names a nameless content. Where the file system has no log, it is on the disk as
// a file without a name, which is none, until it is flushed once more.
func (r *round) linkAs(t *task, dir *beneath.Dir, name string) error {
	err := t.nameless.LinkAs(dir, name)
	if err != nil || !r.folders.unlogged || r.flush.many {
		return err
	}
	if err = t.nameless.Sync(); err != nil {
		return errors.Join(err, dir.Unlink(name))
	}
	return nil
}

func (r *round) nameStaged(t *task) error {
	name := tempName()
	if err := r.linkAs(t, r.folders.staging, name); err != nil {
		return err
	}
	t.staged = name
	r.dropNameless(t)
	return nil
}

func (r *round) dropNameless(t *task) {
	if t.nameless != nil {
		r.nameless.done(t.nameless)
		t.nameless = nil
	}
}
