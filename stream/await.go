package stream

import (
	"context"
	"sync"

	"github.com/hydrasync/hydrasync/journal"
)

// bell wakes everybody who waits for it.
type bell struct {
	mu   sync.Mutex
	wait chan struct{} // nil: nobody waits
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait != nil {
		close(b.wait)
		b.wait = nil
	}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == nil {
		b.wait = make(chan struct{})
	}
	return b.wait
}

// Await asks good about the cities that follow a tree, at once and whenever one of
// them has come, gone or confirmed, until it says true or ctx ends. Cities that have only
// a part of the tree hear a heartbeat at once: entries outside their
// part would else be confirmed with the next one.
func (s *Server) Await(ctx context.Context, tree string, good func([]City) bool) error {
	s.urge(tree)
	for {
		rung := s.bell.next()
		var cities []City
		for _, c := range s.Cities() {
			if c.Tree == Display(tree) {
				cities = append(cities, c)
			}
		}
		if good(cities) {
			return nil
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// urge lets cities with a part of a tree hear a heartbeat as soon as they are where the head is now.
func (s *Server) urge(tree string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.subs {
		if p.tree.Name == tree && len(p.hello.SubDirs) > 0 {
			p.urge(p.tree.Journal.Position().Seq)
		}
	}
}

func (s *standing) urge(to journal.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urged = to
	if s.rouse != nil {
		s.rouse()
	}
}

// pauses keeps what ends the pause that begins, and ends it if there is no time for one.
func (s *standing) pauses(rouse func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rouse = rouse
	if s.urged > 0 {
		rouse()
	}
}

// paused says whether the heartbeat that somebody asked for is due.
func (s *standing) paused(at journal.Seq) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rouse = nil
	if s.urged == 0 || s.urged > at {
		return false
	}
	s.urged = 0
	return true
}
