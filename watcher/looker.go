package watcher

import (
	"errors"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// looker is what one look leaves for the next. Only the session's loop uses it,
// so nobody else ever appends to the journal.
type looker struct {
	*session
	ids     map[place]dirRow            // directories, as the journal has them
	born    map[journal.NodeID]struct{} // directories made in this session with nothing appended beneath them yet
	unclear time.Time                   // until then a directory that was put off may show what is missed elsewhere
	horizon time.Time                   // of the last look that appended
	pace    pace
	awake   bool // there was a look since the last rest
}

// place is a name in a directory.
type place struct {
	parent journal.NodeID
	name   string
}

// The memory is emptied when it has grown to so many entries: it costs a
// query each to fill it again.
const maxPlaces = 8 << 10

func newLooker(s *session) *looker {
	k := &looker{session: s, awake: true}
	k.reset()
	return k
}

// dirRow is what a look needs of a directory's row.
type dirRow struct {
	id  journal.NodeID
	key inode
}

// inode is which directory that is: the number with the time of birth, because
// numbers are used again.
type inode struct {
	ino  uint64
	born journal.Time
}

// known is the directory of that name, zero if there is none.
func (l *look) known(parent journal.NodeID, name string) (dirRow, error) {
	at := place{parent, name}
	if d, ok := l.ids[at]; ok {
		return d, nil
	}
	row, err := l.rowAt(parent, name)
	if err != nil || row == nil || row.Node.Kind != journal.Dir {
		return dirRow{}, err
	}
	l.ids[at] = dirRow{row.Node.ID, inode{row.Seen.Ino, row.Seen.BTime}}
	return l.ids[at], nil
}

// rowAt is the journal's row of a name, nil if there is none.
func (l *look) rowAt(parent journal.NodeID, name string) (*journal.Stored, error) {
	if _, ok := l.born[parent]; ok {
		return nil, nil
	}
	row, err := l.journal.Lookup(l.asks, parent, name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &row, nil
}

// young says that the journal cannot know this inode. A file that was born
// after the last look began is in no row, unless the clock was set back since; and when the journal began empty, the first walk
// meets everything once.
func (l *look) young(s *sight) bool {
	if l.virgin && s.job != nil && s.job.first && (s.st.kind == journal.Dir || s.st.nlink == 1) {
		return true
	}
	born := s.st.btime.Std()
	return !s.st.btime.IsZero() && !l.horizon.IsZero() && born.After(l.horizon) && !born.After(time.Now())
}

// forget drops what is remembered of a node's old place.
func (k *looker) forget(n *journal.Node) { delete(k.ids, place{n.Parent, n.Name}) }

func (k *looker) trim() {
	if len(k.ids) > maxPlaces {
		clear(k.ids)
	}
	if len(k.born) > maxPlaces {
		clear(k.born)
	}
}

// reset is for when an append failed: what is remembered may never have come true.
func (k *looker) reset() {
	k.ids, k.born = map[place]dirRow{}, map[journal.NodeID]struct{}{}
}

// rest gives back what a burst grew. It costs a few queries to remember again.
func (k *looker) rest() {
	k.awake = false
	k.reset()
	k.dirty.shrink()
	k.walks.shrink()
}

func readlink(dirfd int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dirfd, name, buf[:])
	return string(buf[:max(n, 0)]), err
}
