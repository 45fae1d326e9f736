package applier

import (
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// rename moves a name from spot to spot, and remembers both directories for the
// flush. Directories of ours that forbid it to us are opened up until the end.
func (r *round) rename(from, to spot, how uint) error {
	err := r.renameOnce(from, to, how)
	if beneath.IsErrno(err, unix.EACCES) {
		r.loosen(from)
		r.loosen(to)
		err = r.renameOnce(from, to, how)
	}
	if err == nil {
		r.moves++
		for _, s := range []spot{from, to} {
			if s.parent != inStaging {
				r.flush.touch(s.parent)
			}
		}
	}
	return err
}

func (r *round) renameOnce(from, to spot, how uint) error {
	src, release, err := r.spotDir(from)
	if err != nil {
		return err
	}
	defer release()
	dst, release2, err := r.spotDir(to)
	if err != nil {
		return err
	}
	defer release2()
	return src.Rename(from.name, dst, to.name, how)
}

// loosen lets us write in a spot's directory and move a directory that is
// there. What is not ours stays as it is: the rename fails again, and says so.
func (r *round) loosen(s spot) {
	if s.parent == inStaging || s.parent == journal.Parked {
		return
	}
	dir, release, err := r.places.dir(s.parent)
	if err != nil {
		return
	}
	defer release()
	r.loosenDir(s.parent, dir)
	if id, err := r.places.holder(s); err == nil && id != 0 {
		if sub, err := dir.Dir(s.name); err == nil {
			r.loosenDir(id, sub)
			sub.Close()
		}
	}
}

func (r *round) loosenDir(id journal.NodeID, dir *beneath.Dir) {
	st, err := dir.Self()
	if err != nil || st.Mode&0o700 == 0o700 || dir.File().Chmod(st.Mode|0o700) != nil {
		return
	}
	if r.loose == nil {
		r.loose = make(map[journal.NodeID]uint32)
	}
	r.loose[id] = st.Mode
}
