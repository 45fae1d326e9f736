package applier

import (
	"maps"
	"os"
	"slices"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// seal gives directories the modes that had to wait, looks at everything that
// was placed so that the rows know it, and flushes the directories.
func (r *round) seal() error {
	for _, t := range r.tasks {
		if t.state == done && !t.gone && t.late {
			if err := r.sealMode(t); err != nil && !pathOnly(err) {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.loose)) {
		mode := r.loose[id]
		if t := r.byID[id]; t != nil && t.state == done {
			mode = bearable(t.node)
		}
		if err := r.chmodDir(id, mode); err != nil && !pathOnly(err) {
			return err
		}
	}
	for _, t := range r.tasks {
		if t.state == done && !t.gone && t.seen.Ino == 0 {
			if err := r.sealSeen(t); err != nil {
				return err
			}
		}
	}
	return r.flushDirs()
}

func (r *round) sealMode(t *task) error {
	mode := bearable(t.node)
	if t.seen.Lacks&journal.LackOwner != 0 {
		mode &^= setID
	}
	if mode != t.node.Mode {
		t.seen.Lacks |= journal.LackMode
	}
	lack, err := allow(journal.LackMode, r.chmodDir(t.id(), mode))
	t.seen.Lacks |= lack
	r.flush.touch(t.id())
	return err
}

// bearable is a directory's mode with what we need to find our way: only root
// passes everywhere, others must keep reading and searching, and in the
// destination itself writing.
func bearable(n *journal.Node) uint32 {
	switch {
	case os.Geteuid() == 0:
		return n.Mode
	case n.ID == journal.Root:
		return n.Mode | 0o700
	}
	return n.Mode | 0o500
}

func (r *round) chmodDir(id journal.NodeID, mode uint32) error {
	dir, release, err := r.places.dir(id)
	if err != nil {
		return err
	}
	defer release()
	return dir.File().Chmod(mode)
}

// sealSeen remembers what the disk says of a node now. If somebody was there
// between our last call and this look, the row says what we made, so that verify
// finds the difference.
func (r *round) sealSeen(t *task) error {
	st, ok, err := r.lookAt(t)
	if err != nil {
		return err
	}
	if !ok || st.Type != typeOf(t.node.Kind) {
		r.troubles.askVerify()
	}
	keep := t.seen
	t.seen = seenOf(st)
	t.seen.Lacks, t.seen.HashState = keep.Lacks, keep.HashState
	if t.node.Kind == journal.Dir {
		return nil
	}
	if t.node.Kind == journal.File {
		t.seen.Size = t.node.Body.Size
	}
	if t.seen.MTime != t.node.MTime && t.seen.Lacks&journal.LackTime == 0 {
		if coarse(t.seen.MTime, t.node.MTime) {
			t.seen.Lacks |= journal.LackTime
		} else {
			t.seen.MTime = t.node.MTime
		}
	}
	return nil
}

// coarse says whether got is what a file system with coarser times, or a
// smaller range of them, makes of want.
func coarse(got, want journal.Time) bool {
	return got.Nsec == 0 && (got.Sec == want.Sec || got.Sec == want.Sec&^1 || want.Sec < 0 || want.Sec > 1<<31-1) ||
		got.Sec == want.Sec && got.Nsec%100 == 0 && got.Nsec/100 == want.Nsec/100
}

func (r *round) lookAt(t *task) (beneath.Stat, bool, error) {
	if t.node.ID != journal.Root {
		return r.look(spot{t.node.Parent, t.node.Name})
	}
	st, err := r.folders.root.Top().Self()
	return st, err == nil, err
}

// lookStaged is look for a spot that may be in staging.
func (r *round) lookStaged(s spot) (st beneath.Stat, ok bool, err error) {
	if s.parent != inStaging {
		return r.look(s)
	}
	st, err = r.folders.staging.Stat(s.name)
	return st, err == nil, ignore(err, unix.ENOENT)
}
