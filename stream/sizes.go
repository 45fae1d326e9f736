package stream

import (
	"sync"

	"github.com/hydrasync/hydrasync/journal"
)

// sizes remembers how large recently changed files were, so that of a growing
// log only the new lines travel with its entry. It forgets the oldest half
// when it is full.
type sizes struct {
	mu       sync.Mutex
	now, old map[journal.NodeID]grown
}

// grown: since the entry seq, the node's content is of this generation and at
// least this long.
type grown struct {
	seq        journal.Seq
	generation uint64
	size       int64
}

const keepSizes = 2048

// swap remembers the node's content and returns how much of it a city at
// since has already: that of an earlier state with the same generation.
func (s *sizes) swap(n *journal.Node, seq, since journal.Seq) int64 {
	if s == nil || n.Body.Generation == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.now[n.ID]
	if !ok {
		was = s.old[n.ID]
	}
	if seq >= was.seq {
		if s.now == nil || len(s.now) >= keepSizes {
			s.old, s.now = s.now, make(map[journal.NodeID]grown)
		}
		s.now[n.ID] = grown{seq, n.Body.Generation, n.Body.Size}
	}
	if was.generation != n.Body.Generation || was.seq > since || was.size > n.Body.Size {
		return 0
	}
	return was.size
}
