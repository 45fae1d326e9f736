package watcher

import (
	"context"

	"github.com/hydrasync/hydrasync/journal"
)

// leaveAll decides about the rows whose name shows another node now, or
// nothing. It comes after all nodes are placed, so a row that is still without a
// place has not turned up in this look.
func (l *look) leaveAll() error {
	for _, s := range l.sights {
		if s.row == nil || l.taken[s.row.Node.ID] != nil || s.late || s.glance && !s.there {
			continue
		}
		switch {
		case s.there && s.node == nil && s.putOff: // what took the name cannot be appended yet
		case s.there, s.settled && l.patience.missed(&s.mark, l.now), l.missed(&s.mark):
			if err := l.leave(s); err != nil {
				return err
			}
		default:
			l.again = append(l.again, l.patience.absent(s.mark, l.now))
		}
	}
	return nil
}

// missed says that an absent name has had its window, and that nothing is on its
// way that may show its node elsewhere; max-wait bounds that.
func (l *look) missed(m *mark) bool {
	if l.now.Sub(m.first) >= l.patience.max {
		return true
	}
	return l.patience.missed(m, l.now) && l.now.After(l.unclear) && !l.walks.busy()
}

// leave appends a tombstone, beneath the right root only. Other names of the same file
// learn that they are fewer.
func (l *look) leave(s *sight) error {
	if !l.rooted {
		if err := l.root.check(); err != nil {
			return err
		}
		l.rooted = true
	}
	n := &s.row.Node
	l.changes = append(l.changes, journal.Change{Node: journal.Node{ID: n.ID}, Gone: true})
	l.forget(n)
	if n.Kind == journal.Dir && l.linked.Load() {
		l.tasks = append(l.tasks, task{unlink: n.ID})
	}
	return l.stirLinks(n.Link)
}

// stirLinks looks at the names of a link group after this look.
func (l *look) stirLinks(link journal.NodeID) error {
	rows, err := l.journal.ByLink(l.asks, link)
	if err != nil {
		return err
	}
	for i := range rows {
		if l.taken[rows[i].Node.ID] != nil {
			continue
		}
		if path, err := l.journal.Path(l.asks, rows[i].Node.ID); err == nil {
			l.stir = append(l.stir, path)
		}
	}
	return nil
}

// unlink looks at the names that shared an inode with something beneath a
// directory that went. The journal keeps the rows beneath it for a while; if they
// are purged already, the next reconcile finds those names by their ctime.
func (s *session) unlink(ctx context.Context, dir journal.NodeID) error {
	rows, err := s.journal.Children(ctx, dir)
	if err != nil {
		return err
	}
	for i := range rows {
		n := &rows[i].Node
		if n.Kind == journal.Dir {
			if err := s.unlink(ctx, n.ID); err != nil {
				return err
			}
		}
		others, err := s.journal.ByLink(ctx, n.Link)
		if err != nil {
			return err
		}
		for i := range others {
			if path, err := s.journal.Path(ctx, others[i].Node.ID); err == nil {
				s.dirty.hear(path, oneName)
			}
		}
	}
	return nil
}
