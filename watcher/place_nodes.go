package watcher

import (
	"errors"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// placeAll decides for every sight whose node it shows. Sights are in order of
// depth; what is added on the way asks for its parents itself.
func (l *look) placeAll() error {
	for i := 0; i < len(l.sights); i++ {
		if err := l.place(l.sights[i]); err != nil {
			return err
		}
	}
	return nil
}

// place decides whose node a path shows. In this order: the node that had this
// name and this inode; the node that had this inode elsewhere and is not there any
// more (it moved); the node that had this name, of the same kind, if its own
// inode shows up nowhere (it was rewritten); a new node.
func (l *look) place(s *sight) (err error) {
	if s.placed {
		return nil
	}
	s.placed = true
	if s.path == "" {
		return l.placeRoot(s)
	}
	if s.parent, err = l.dirID(s.dir); err != nil || s.parent == 0 {
		s.placed = !l.undecided(s.dir)
		return err
	}
	if dir := l.at[s.dir]; dir == nil || dir.node != nil {
		if s.row, err = l.rowAt(s.parent, s.name); err != nil {
			return err
		}
	}
	if s.row != nil && (l.taken[s.row.Node.ID] != nil || l.rules().ignored(s.path, s.row.Node.Kind == journal.Dir)) {
		s.row = nil
	}
	if !s.there || s.st.kind == 0 {
		return nil
	}
	if err := l.settle(s); err != nil {
		return err
	}
	return l.expand(s)
}

// undecided says that a directory is just being placed, and asked for this very
// path on the way: then that path has its turn later.
func (l *look) undecided(path string) bool {
	d := l.at[path]
	return d != nil && d.there && d.st.kind == journal.Dir && d.id == 0 && d.parent != 0 && !d.late
}

func (l *look) placeRoot(s *sight) error {
	s.id = journal.Root
	row, err := l.journal.Node(l.asks, journal.Root)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	s.row, s.node = &row, &row
	l.taken[journal.Root] = s
	return nil
}

func (l *look) settle(s *sight) error {
	if s.row != nil && sameAtName(s.row, &s.st) {
		l.take(s, s.row)
		return nil
	}
	moved, err := l.candidate(s)
	if err != nil {
		return err
	}
	if moved != nil {
		l.wants[moved.Node.ID] = s
	}
	displaced := false
	if s.row != nil {
		claimed, err := l.claimed(s.row, s)
		if err != nil {
			return err
		}
		displaced = !claimed
	}
	switch {
	case displaced && (l.atEnd(s) || l.notYet(s, moved != nil)):
		if moved != nil {
			delete(l.wants, moved.Node.ID)
		}
	case moved != nil && l.taken[moved.Node.ID] == nil:
		l.take(s, moved)
	case displaced && s.row.Node.Kind == s.st.kind:
		l.take(s, s.row)
	default:
		s.id = l.journal.NewID()
	}
	return nil
}

// notYet puts off a name that shows another inode than the journal knows, if
// that costs a node its identity: what the name showed before may turn up
// elsewhere in a moment. A directory with something in it gets a quiet window, because then
// nothing in it is deleted and made again, and so does a large file: a log that is
// being rotated would be sent again. A small file that another known file replaces
// gets a blink.
func (l *look) notYet(s *sight, replaced bool) bool {
	window := time.Duration(0)
	switch {
	case s.settled:
	case s.row.Beneath.Nodes > 0:
		window = l.patience.quiet
		l.unclear = l.now.Add(2 * window)
	case s.row.Node.Kind == journal.File && s.row.Node.Body.Size >= stateFrom:
		window = l.patience.quiet
	case replaced:
		window = blink
	}
	m, wait := l.patience.replaced(s.mark, l.now, window)
	if !wait {
		return false
	}
	l.again = append(l.again, m)
	s.late = true
	return true
}

// atEnd leaves a name that shows another inode than the journal knows to the end of
// the walk that found it: until then the old inode may turn up elsewhere.
func (l *look) atEnd(s *sight) bool {
	if s.job == nil || s.settled || s.st.kind == journal.Dir {
		return false
	}
	it := s.item
	it.settled = true
	s.late = s.job.atEnd(it)
	return s.late
}

func (l *look) take(s *sight, row *journal.Stored) {
	s.node, s.id = row, row.Node.ID
	l.taken[s.id] = s
}

// claimed says whether a row that lost its name to another inode is taken by
// another path of this look. Paths that show its inode are placed first.
func (l *look) claimed(row *journal.Stored, s *sight) (bool, error) {
	for _, other := range l.shows[ident{s.st.dev, row.Seen.Ino}] {
		if other != s && sameObject(row, &other.st) {
			if err := l.place(other); err != nil || !other.placed {
				return err == nil, err
			}
		}
	}
	return l.taken[row.Node.ID] != nil || l.wants[row.Node.ID] != nil, nil
}

// candidate finds the node that was at another name and shows up here.
func (l *look) candidate(s *sight) (*journal.Stored, error) {
	if l.young(s) {
		return nil, nil
	}
	rows, err := l.journal.ByInode(l.asks, s.st.ino)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		row := &rows[i]
		if row.Node.ID == journal.Root || l.taken[row.Node.ID] != nil || !sameObject(row, &s.st) {
			continue
		}
		left, err := l.left(row, s)
		if err != nil {
			return nil, err
		}
		if left {
			return l.whole(row)
		}
	}
	return nil, nil
}

// left says whether the old name of a row shows something else, or nothing. The
// old name becomes part of the look.
func (l *look) left(row *journal.Stored, s *sight) (bool, error) {
	path, err := l.pathOf(row)
	if errors.Is(err, journal.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if path == s.path {
		return false, nil
	}
	it := l.itemAt(path, nil)
	it.glance = true
	old := l.see(it)
	if old == nil || !old.there || old.st.ident != s.st.ident {
		return true, nil
	}
	if s.st.shared() {
		return false, nil
	}
	return l.goneSince(old), nil // one link and two names: it moved between two glances
}

// goneSince asks the disk about a sight once more.
func (l *look) goneSince(s *sight) bool {
	fd, err := l.dirfd(s.dir)
	if err == nil {
		_, err = statAt(fd, s.name)
	}
	if !missing(err) {
		return false
	}
	s.there = false
	l.stir = append(l.stir, s.path)
	return true
}

// whole completes a row from a list with its hash state.
func (l *look) whole(row *journal.Stored) (*journal.Stored, error) {
	if row.Node.Kind != journal.File || row.Node.Body.Size < stateFrom || len(row.Seen.HashState) > 0 {
		return row, nil
	}
	full, err := l.journal.Node(l.asks, row.Node.ID)
	return &full, err
}

// pathOf is where a row's node was, as far as this look knows its directory.
func (l *look) pathOf(row *journal.Stored) (string, error) {
	if p := l.taken[row.Node.Parent]; p != nil {
		return join(p.path, row.Node.Name), nil
	}
	return l.journal.Path(l.asks, row.Node.ID)
}

// dirID is the node of the directory at a path; zero if it has no place. A
// directory that the journal does not know by that name and inode is looked at
// first: names are never filed under a directory that has only lent its path.
func (l *look) dirID(path string) (journal.NodeID, error) {
	if path == "" {
		return journal.Root, nil
	}
	if s := l.at[path]; s != nil {
		return l.dirSeen(s)
	}
	d, err := l.knownAt(path)
	if err != nil || d.id != 0 && l.taken[d.id] == nil && l.inodes[path] == d.key {
		return d.id, err
	}
	s := l.see(l.itemAt(path, nil))
	if s == nil {
		return 0, nil
	}
	return l.dirSeen(s)
}

// knownAt follows a path through the journal. The directories on the way need no
// check: where the last one shows its inode, it is that node.
func (l *look) knownAt(path string) (dirRow, error) {
	if path == "" {
		return dirRow{id: journal.Root}, nil
	}
	dir, name := split(path)
	parent, err := l.knownAt(dir)
	if err != nil || parent.id == 0 {
		return dirRow{}, err
	}
	return l.known(parent.id, name)
}

func (l *look) dirSeen(s *sight) (journal.NodeID, error) {
	if err := l.place(s); err != nil || !s.there || s.st.kind != journal.Dir {
		return 0, err
	}
	return s.id, nil
}
