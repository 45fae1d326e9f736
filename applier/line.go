package applier

import "sync/atomic"

// line counts the sets that are prepared and wait for their turn.
type line struct {
	sets atomic.Int32
	grew chan struct{} // one place
}

func newLine() *line { return &line{grew: make(chan struct{}, 1)} }

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
