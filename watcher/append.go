package watcher

import (
	"errors"
	"fmt"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// appendAll makes changes of what the sights came to, appends them, and sets
// going what follows from them.
func (l *look) appendAll() error {
	for _, s := range l.sights {
		if s.id == 0 || !s.there || s.st.kind == 0 {
			continue
		}
		if err := l.change(s); err != nil {
			return err
		}
	}
	if len(l.changes) > 0 {
		if _, err := l.journal.Append(l.ctx, l.changes); err != nil {
			return err
		}
		l.appended()
	}
	l.dirty.later(l.again...)
	for _, path := range l.stir {
		l.dirty.hear(path, oneName)
	}
	l.walks.push(l.tasks...)
	if l.at[l.cfg.IgnoreFile] != nil {
		l.reloadRules()
	}
	return nil
}

// change adds a sight's state to the append, if it differs from the row's.
func (l *look) change(s *sight) error {
	if l.nothingNew(s) {
		return nil
	}
	c, err := l.changeOf(s)
	switch {
	case err != nil:
		l.failed(s, err)
		return nil
	case c == nil:
		return nil
	case l.fleeting(s):
		l.stir = append(l.stir, s.path)
		return nil
	}
	if s.node != nil && s.node.Node.Equal(c.Node) && !worthKeeping(s, c) {
		return nil
	}
	l.changes = append(l.changes, *c)
	if s.node != nil && (s.node.Node.Parent != s.parent || s.node.Node.Name != s.name) {
		l.forget(&s.node.Node)
	}
	if s.node != nil && s.node.Node.Link != s.link {
		return l.stirLinks(s.node.Node.Link)
	}
	return nil
}

// fewSights is up to how many a look takes the time to ask again for new files.
const fewSights = 16

// fleeting says that a new file's name is gone already: an editor's temporary file, renamed
// while it was read, is no news.
func (l *look) fleeting(s *sight) bool {
	if s.node != nil || s.job != nil || s.link != 0 || s.st.kind != journal.File || len(l.sights) > fewSights {
		return false
	}
	fd, err := l.dirfd(s.dir)
	if err != nil {
		return false
	}
	st, err := statAt(fd, s.name)
	return err == nil && st.ident != s.st.ident || err != nil && missing(err)
}

// failed looks again at a path that slipped away between two calls, and at the
// place where its node was: that was left out because the node seemed to have moved.
func (l *look) failed(s *sight, err error) {
	if !missing(err) {
		l.problems.add(s.path, "read attributes of", err)
		return
	}
	l.stir = append(l.stir, s.path)
	if s.node == nil {
		return
	}
	if path, err := l.journal.Path(l.asks, s.id); err == nil && path != s.path {
		l.stir = append(l.stir, path)
	}
}

// nothingNew says that the row already tells what the sight shows.
func (l *look) nothingNew(s *sight) bool {
	old := s.node
	if s.job == nil && fresh(&s.st, s.first) {
		return false
	}
	return old != nil && s.read == nil && !s.whole && unchanged(old, &s.st) &&
		old.Node.Parent == s.parent && old.Node.Name == s.name && old.Node.Link == s.link
}

// worthKeeping says whether a new Seen alone is worth a write. A directory's
// times change with everything in it; they are kept when a walk comes by.
func worthKeeping(s *sight, c *journal.Change) bool {
	if c.Node.Kind == journal.Dir {
		return s.job != nil || c.Seen.CTime.IsZero() || s.node.Seen.Ino != c.Seen.Ino || s.node.Seen.BTime != c.Seen.BTime
	}
	was, now := &s.node.Seen, &c.Seen
	return was.Racy != now.Racy || was.Unproven != now.Unproven || was.CTime != now.CTime || was.MTime != now.MTime || was.Size != now.Size ||
		was.Ino != now.Ino || was.BTime != now.BTime || was.Dev != now.Dev
}

// changeOf is the state of a sight; nil if it is not known well enough yet.
func (l *look) changeOf(s *sight) (*journal.Change, error) {
	n := journal.Node{ID: s.id, Parent: s.parent, Name: s.name, Kind: s.st.kind, Mode: s.st.mode, UID: s.st.uid, GID: s.st.gid}
	seen := seenOf(&s.st)
	var err error
	switch s.st.kind {
	case journal.File:
		n.Link = s.link
		if !l.body(s, &n, &seen) {
			return nil, nil
		}
	case journal.Symlink:
		n.MTime, n.Link = s.st.mtime, s.link
		if n.Target, err = l.target(s); err != nil {
			return nil, err
		}
	}
	n.Xattrs, err = l.xattrs(s)
	if err != nil && !l.withoutXattrs(s, &n, &seen, err) {
		return nil, err
	}
	return &journal.Change{Node: n, Seen: seen}, nil
}

// withoutXattrs says whether a node can be appended although its attributes
// could not be read: a known one keeps those it had, and what is beneath a
// directory needs it all the same. The forgotten ctime makes the next look read them.
func (l *look) withoutXattrs(s *sight, n *journal.Node, seen *journal.Seen, err error) bool {
	switch {
	case missing(err) && s.st.kind == journal.Dir:
		l.stir = append(l.stir, s.path)
	case !missing(err) && s.node != nil:
		l.problems.add(s.path, "read attributes of", err)
	default:
		return false
	}
	if s.node != nil {
		n.Xattrs = s.node.Node.Xattrs
	}
	seen.CTime = journal.Time{}
	return true
}

// body fills in the content: the bytes that were read, or those that the row
// vouches for.
func (l *look) body(s *sight, n *journal.Node, seen *journal.Seen) bool {
	old := s.node
	if s.read == nil {
		if old == nil || old.Node.Kind != journal.File || !sameAtName(old, &s.st) {
			return false
		}
		n.Body, n.MTime = old.Node.Body, old.Node.MTime
		if s.putOff { // what is on the disk is newer: the next look has to see that
			*seen = old.Seen
			return true
		}
		seen.HashState, seen.Tail = old.Seen.HashState, old.Seen.Tail
		seen.Unproven = old.Seen.Unproven || !sameBytes(old, &s.st)
		l.suspects.add(s.path, l.now)
		return true
	}
	c := s.read
	n.MTime = c.st.mtime
	n.Body = journal.Content{Size: c.size, Digest: c.digest}
	n.Body.Generation = l.generation(old, c)
	seen.HashState, seen.Tail = c.state, c.tail
	l.bodies.put(c.digest, c.bytes, c.from)
	l.doubt(s, seen)
	return true
}

// generation stays as long as the bytes only grow.
func (l *look) generation(old *journal.Stored, c *content) uint64 {
	if old != nil && old.Node.Kind == journal.File {
		was := old.Node.Body
		if was.Digest == c.digest && was.Size == c.size || c.grown && c.base == was.Digest && c.size >= was.Size {
			return was.Generation
		}
	}
	return uint64(l.journal.NewID())
}

// doubt sees to it that bytes which were believed too easily are read again.
func (l *look) doubt(s *sight, seen *journal.Seen) {
	if seen.Unproven = s.read.partly || s.read.held; seen.Unproven {
		l.suspects.add(s.path, l.now)
	}
	if !s.read.racy {
		return
	}
	seen.Racy = true
	if s.read.size >= stateFrom {
		l.suspects.add(s.path, l.now)
		return
	}
	due := l.now.Add(l.reader.tick.of(&s.st))
	l.again = append(l.again, mark{path: s.path, whole: true, first: due, last: due, due: due})
}

func (l *look) target(s *sight) (string, error) {
	fd, err := l.dirfd(s.dir)
	if err != nil {
		return "", err
	}
	target, err := readlink(fd, s.name)
	return target, errors.Join(err, s.still(fd))
}

// errSlipped counts as missing: the path is looked at again.
var errSlipped = fmt.Errorf("it was replaced between two calls: %w", unix.ENOENT)

// still makes sure that a directory's descriptor shows under the name what the
// sight saw: the directory may have changed places with another since, and what was read
// by the descriptor would belong to something else.
func (s *sight) still(fd int) error {
	st, err := statAt(fd, s.name)
	if err == nil && (st.ident != s.st.ident || st.ctime != s.st.ctime) {
		err = errSlipped
	}
	return err
}

// xattrs reads them, unless the ctime says that they are the row's.
func (l *look) xattrs(s *sight) ([]journal.Xattr, error) {
	if s.node != nil && sameBytes(s.node, &s.st) && !(s.job == nil && fresh(&s.st, s.first)) {
		return s.node.Node.Xattrs, nil
	}
	if c := s.read; c != nil && c.st.ident == s.st.ident && c.st.ctime == s.st.ctime {
		return c.xattrs, c.xattrErr
	}
	fd, err := l.dirfd(s.dir)
	if err != nil {
		return nil, err
	}
	found, err := xattrs(fd, s.name)
	return found, errors.Join(err, s.still(fd))
}

func seenOf(st *stat) journal.Seen {
	return journal.Seen{Dev: st.dev, Ino: st.ino, BTime: st.btime, CTime: st.ctime, MTime: st.mtime, Size: st.size}
}

// appended brings the looker's memory up to date with the journal.
func (l *look) appended() {
	l.horizon = l.now
	for i := range l.changes {
		c := &l.changes[i]
		if c.Gone {
			continue
		}
		delete(l.born, c.Node.Parent)
		if c.Node.Kind == journal.Dir && c.Node.ID != journal.Root {
			l.ids[place{c.Node.Parent, c.Node.Name}] = dirRow{c.Node.ID, inode{c.Seen.Ino, c.Seen.BTime}}
		}
	}
	for _, s := range l.sights {
		if s.read != nil && s.read.grown && !s.read.idle {
			l.dirty.grew(s.path, l.now)
		}
		if s.node == nil && s.id > journal.Root && s.st.kind == journal.Dir && s.there {
			l.born[s.id] = struct{}{}
		}
	}
	for i := range l.changes {
		delete(l.born, l.changes[i].Node.Parent)
	}
	l.trim()
	l.facts.set(func(s *Status) { s.LastAppend, s.JournalError = time.Now(), "" })
}
