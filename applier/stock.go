package applier

import (
	"sync"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// stock is what is made ready beside the sets: contents in staging, and those that
// are on their way there.
type stock struct {
	litter   *litter
	partials *partials
	nameless *nameless
	hauls    *hauls
	line     line
	bare     atomic.Bool // the destination held nothing when the subscription began

	life sync.RWMutex // held for reading by whoever works beside the sets
	over bool
}

func newStock(staging *beneath.Dir, lists *chunk.Store) *stock {
	s := &stock{litter: &litter{staging: staging}, nameless: newNameless(staging), line: line{grew: make(chan struct{}, 1)}}
	s.partials = newPartials(s.litter)
	s.hauls = newHauls(s.partials, lists)
	return s
}

// enter says whether the stock is open; then it stays so until life is unlocked.
func (s *stock) enter() bool {
	s.life.RLock()
	open := !s.over
	if !open {
		s.life.RUnlock()
	}
	return open
}

// end waits for whoever is inside.
func (s *stock) end() {
	s.life.Lock()
	s.over = true
	s.life.Unlock()
	s.hauls.close()
}

// line counts the sets that are prepared and wait for their turn.
type line struct {
	sets atomic.Int32
	grew chan struct{} // one place
}

func (l *line) join(s *Set) {
	s.inLine = true
	l.sets.Add(1)
	select {
	case l.grew <- struct{}{}:
	default:
	}
}

func (l *line) leave(s *Set) {
	if s.inLine {
		s.inLine = false
		l.sets.Add(-1)
	}
}

func (l *line) waits() bool { return l.sets.Load() > 0 }
