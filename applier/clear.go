package applier

import (
	"errors"
	"maps"
	"slices"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// clear removes what is gone, when everything that stays has left it: first
// what changed places with something, because it may be inside another by now.
func (r *round) clear() error {
	for _, displaced := range []bool{true, false} {
		for _, t := range r.tasks {
			if !t.gone || t.state != todo || displaced && !r.places.hasMoved(t.id()) {
				continue
			}
			if err := r.clearOne(t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *round) clearOne(t *task) error {
	if err := r.remove(t); err != nil {
		if err := t.fail(err); err != nil {
			return err
		}
		return r.strand(t)
	}
	t.state = done
	r.places.put(t.id(), nowhere)
	if t.old.Node.Kind == journal.Dir {
		r.places.dirs.forgetAll() // what was beneath it is elsewhere, too
	}
	return nil
}

// remove takes one gone node away: with one rename if all beneath it is ours.
// One whose directory went before it is away already.
func (r *round) remove(t *task) error {
	at, ok, err := r.places.of(t.id())
	if err != nil || !ok {
		return err
	}
	if t.old.Node.Kind != journal.Dir {
		return r.discardAt(at, t.id(), &t.old)
	}
	foreign, err := r.foreignIn(t.id())
	switch {
	case err != nil:
		return err
	case !foreign && r.trash.age < 0:
		return r.dropDir(t, at)
	case !foreign:
		return r.discard(at, t.id(), &t.old, false)
	case at == spot{t.old.Node.Parent, t.old.Node.Name} && at.parent != journal.Parked:
		return r.removeOurs(&t.old, at)
	}
	return r.discard(at, t.id(), &t.old, true)
}

// dropDir takes a directory out of the tree and looks once more what is in it: somebody may
// have put something there since. It is removed when the set is recorded.
func (r *round) dropDir(t *task, at spot) error {
	temp := spot{inStaging, tempName()}
	if err := r.rename(at, temp, beneath.NoReplace); err != nil {
		return absent(err)
	}
	r.places.put(t.id(), temp)
	foreign, err := r.foreignIn(t.id())
	switch {
	case err != nil:
		return err
	case foreign:
		return r.discard(temp, t.id(), &t.old, true)
	}
	r.left = append(r.left, temp.name)
	return nil
}

var errForeign = errors.New("foreign")

// foreignIn says whether a directory holds, at any depth, names that hydrasync
// did not make; without a trash, what was edited counts as well.
func (r *round) foreignIn(id journal.NodeID) (bool, error) {
	ours, err := r.childrenHere(id)
	if err != nil {
		return false, err
	}
	dir, release, err := r.places.dir(id)
	if err != nil {
		return false, absent(err)
	}
	err = dir.List(func(name string) error {
		s, ok := ours[name]
		if !ok || r.trash.age < 0 && edited(dir, &s) {
			return errForeign
		}
		return nil
	})
	release()
	if err == errForeign {
		return true, nil
	}
	if absent(err) != nil {
		return false, err
	}
	for _, s := range ours {
		if s.Node.Kind != journal.Dir {
			continue
		}
		if foreign, err := r.foreignIn(s.Node.ID); err != nil || foreign {
			return foreign, err
		}
	}
	return false, nil
}

// childrenHere are the nodes that are still where their rows say, by name.
func (r *round) childrenHere(id journal.NodeID) (map[string]journal.Stored, error) {
	rows, err := r.journal.Children(r.ctx, id)
	if err != nil {
		return nil, err
	}
	here := make(map[string]journal.Stored, len(rows))
	for _, s := range rows {
		if !r.places.hasMoved(s.Node.ID) {
			here[s.Node.Name] = s
		}
	}
	return here, nil
}

// removeOurs empties a directory of what hydrasync made. With foreign names
// left in it, it stays.
func (r *round) removeOurs(s *journal.Stored, at spot) error {
	if s.Node.Kind != journal.Dir {
		return r.discardAt(at, s.Node.ID, s)
	}
	ours, err := r.childrenHere(s.Node.ID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		child := ours[name]
		if err := r.removeOurs(&child, spot{s.Node.ID, name}); err != nil {
			return err
		}
	}
	dir, release, err := r.places.dir(at.parent)
	if err != nil {
		return absent(err)
	}
	defer release()
	r.places.dirs.forget(s.Node.ID)
	delete(r.flush.dirs, s.Node.ID)
	r.flush.touch(at.parent)
	err = dir.Rmdir(at.name)
	if beneath.IsErrno(err, unix.EACCES) {
		r.loosen(at)
		err = dir.Rmdir(at.name)
	}
	if beneath.IsErrno(err, unix.ENOTEMPTY, unix.EEXIST) {
		r.troubles.keepForeign(join(r.places.rowPath(s.Node.ID)))
		return syncDir(dir, at.name)
	}
	return absent(err)
}

// syncDir flushes what went from a directory that is no longer ours.
func syncDir(in *beneath.Dir, name string) error {
	d, err := in.Dir(name)
	if err != nil {
		return absent(err)
	}
	defer d.Close()
	return d.Sync()
}

// absent turns "it is not there", at any depth, into nil; where something else is
// instead, it is not there either.
func absent(err error) error {
	if errors.Is(err, errNoParent) {
		return nil
	}
	if beneath.IsErrno(err, unix.ENOTDIR) {
		return nil
	}
	return ignore(err, unix.ENOENT)
}

func ignore(err error, no unix.Errno) error {
	if beneath.IsErrno(err, no) {
		return nil
	}
	return err
}

// edited says whether somebody was at a file.
func edited(dir *beneath.Dir, s *journal.Stored) bool {
	st, err := dir.Stat(s.Node.Name)
	return err == nil && (!sameObject(st, s) || s.Node.Kind == journal.File && !sameBytes(st, &s.Seen))
}

// discardAt sends a node's old object to the trash, from where it is now. What
// somebody edited is kept as a local version, and so is a directory: nobody
// looked what else is in it.
func (r *round) discardAt(at spot, id journal.NodeID, s *journal.Stored) error {
	return r.discard(at, id, s, s.Node.Kind == journal.Dir)
}

func (r *round) discard(at spot, id journal.NodeID, s *journal.Stored, local bool) error {
	dir, release, err := r.spotDir(at)
	if err != nil {
		return absent(err)
	}
	defer release()
	st, err := dir.Stat(at.name)
	if err != nil {
		return absent(err)
	}
	local = local || !sameObject(st, s) || s.Node.Kind == journal.File && !sameBytes(st, &s.Seen)
	size := st.Blocks * 512
	if s.Node.Kind == journal.Dir {
		size += s.Beneath.Bytes + s.Beneath.Nodes*pageSize
	}
	if at.parent != inStaging {
		r.flush.touch(at.parent)
	}
	return r.toTrash(dir, at, r.places.rowPath(id), local, size)
}

// sameBytes is untouched without the change time, which our own renames move.
func sameBytes(st beneath.Stat, s *journal.Seen) bool {
	return st.Ino == s.Ino && st.Size == s.Size && st.MSec == s.MTime.Sec && st.MNsec == s.MTime.Nsec
}

// discardForeign sends what hydrasync did not make to the trash: it stands
// where a node belongs.
func (r *round) discardForeign(at spot) error {
	dir, release, err := r.spotDir(at)
	if err != nil {
		return err
	}
	defer release()
	st, err := dir.Stat(at.name)
	if err != nil {
		return ignore(err, unix.ENOENT)
	}
	parts := append([]string{at.name}, r.places.rowPath(at.parent)...)
	r.flush.touch(at.parent)
	return r.toTrash(dir, at, parts, true, st.Blocks*512)
}

// toTrash renames into the trash; parts are the path, upwards.
func (r *round) toTrash(dir *beneath.Dir, at spot, parts []string, local bool, size int64) error {
	if len(parts) == 0 {
		parts = []string{at.name}
	}
	err := r.trash.take(dir, at.name, parts, local, size, r.set.Position.Seq)
	if beneath.IsErrno(err, unix.EACCES) {
		r.loosen(at)
		err = r.trash.take(dir, at.name, parts, local, size, r.set.Position.Seq)
	}
	r.moves++
	return err
}
