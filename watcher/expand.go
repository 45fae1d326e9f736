package watcher

import (
	"errors"
	"os"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// A new directory with up to so many names is looked at together with them, in
// one append; a larger one is left to a walk. So is everything once a look has grown to
// that size.
const (
	smallDir  = 256
	largeLook = 2048
)

// expand adds to the look what a placed sight entails.
func (l *look) expand(s *sight) error {
	switch {
	case s.id == 0: // put off
	case s.st.kind == journal.Dir && !(s.listed && (s.node == nil || s.stays())):
		return l.enter(s)
	case s.st.shared():
		return l.seeLinks(s)
	}
	return nil
}

// enter watches a directory, and sees to its listing if that may hold
// something that no event told.
func (l *look) enter(s *sight) error {
	fresh := l.watch(l.ctx, s.path, s.st.ident)
	switch {
	case s.node == nil && len(l.sights) < largeLook && l.list(s):
	case s.node == nil || fresh || !s.stays():
		l.tasks = append(l.tasks, task{path: s.path, node: s.id, fresh: s.node == nil, scope: subtree, job: s.job})
	}
	return l.ctx.Err()
}

// stays says that a known node has the place and the inode that it had.
func (s *sight) stays() bool {
	return s.node.Node.Parent == s.parent && s.node.Node.Name == s.name && sameAtName(s.node, &s.st)
}

// list adds the names of a small new directory to the look.
func (l *look) list(s *sight) bool {
	fd, err := l.root.open(s.path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false // the walk meets the same error, and says so
	}
	f := os.NewFile(uintptr(fd), s.path)
	defer f.Close()
	names, err := f.Readdirnames(smallDir + 1)
	if len(names) > smallDir || err != nil && len(names) > 0 {
		return false
	}
	for _, name := range names {
		l.see(item{mark: mark{path: join(s.path, name), first: s.first, last: s.last}, job: s.job})
	}
	return true
}

// seeLinks adds the other names of an inode to the look: a write
// through one of them changes all, and makes an event for one.
func (l *look) seeLinks(s *sight) error {
	rows, err := l.journal.ByInode(l.asks, s.st.ino)
	if err != nil {
		return err
	}
	for i := range rows {
		if rows[i].Node.ID == s.id || !sameObject(&rows[i], &s.st) && !rows[i].Seen.BTime.IsZero() {
			continue
		}
		path, err := l.pathOf(&rows[i])
		switch {
		case errors.Is(err, journal.ErrNotFound):
		case err != nil:
			return err
		default:
			m := s.mark
			m.path, m.since = path, time.Time{}
			l.see(item{mark: m, job: s.job})
		}
	}
	return nil
}

// linkAll gives the names that share an inode one link group, and takes it from
// those that share it no longer.
func (l *look) linkAll() error {
	for _, group := range l.shows {
		names := group[:0:0]
		var link journal.NodeID
		for _, s := range group {
			group := s.link
			s.link = 0
			if s.id == 0 || !s.st.linkable() || !s.there || s.putOff && s.node == nil {
				continue
			}
			if group != 0 {
				link = group
			}
			names = append(names, s)
			if old := s.oldLink(); old != 0 && (link == 0 || old < link) {
				link = s.node.Node.Link
			}
		}
		if len(names) < 2 {
			continue
		}
		if link == 0 {
			link = l.journal.NewID()
		}
		l.linked.Store(true)
		for _, s := range names {
			s.link = link
		}
	}
	return nil
}

// oldLink is the group that this inode, not just this name, was in.
func (s *sight) oldLink() journal.NodeID {
	if s.node == nil || !sameAtName(s.node, &s.st) {
		return 0
	}
	return s.node.Node.Link
}
