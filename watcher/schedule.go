package watcher

import (
	"container/heap"
	"maps"
	"time"
)

// scope says how much of the tree a mark stands for.
type scope uint8

const (
	oneName scope = iota
	listing       // a directory: compare its listing
	subtree       // a directory: compare everything beneath
)

// mark is one dirty path: what is to be looked at, and when.
type mark struct {
	path        string
	scope       scope
	whole       bool      // read every byte, whatever the times say
	held        bool      // events do not bring due forward
	open        bool      // somebody had it open for writing at the last look
	grows       bool      // a log: it was appended before while somebody held it open
	tries       int       // looks that ended in "not yet"
	tears       int       // readings during which it changed
	first, last time.Time // of the events
	since       time.Time // of the first look that found its node missing; zero: none did since the last event
	due         time.Time
	index       int // in the heap
}

// schedule orders marks by when they are due. It knows no clock: every method is
// told the time. Beyond its limit it widens: many names of one directory
// become that directory, many directories the whole tree. So it never forgets
// a change and never grows.
type schedule struct {
	marks   map[string]*mark
	order   byDue
	wide    int // marks that are more than a name
	limit   int
	growing map[string]time.Time // when a file that somebody holds open was appended
}

func newSchedule(limit int) *schedule {
	return &schedule{marks: map[string]*mark{}, limit: limit, growing: map[string]time.Time{}}
}

// event notes that something happened at a path: it is due at once, unless a
// look put it off and still holds it.
func (s *schedule) event(path string, sc scope, now time.Time) {
	if m := s.covering(path); m != nil {
		m.last, m.since = now, time.Time{}
		s.raise(m, sc)
		if !m.held && now.Before(m.due) {
			m.due = now
			heap.Fix(&s.order, m.index)
		}
		return
	}
	m := &mark{path: path, scope: sc, first: now, last: now, due: now}
	s.putOff(m)
	s.put(m)
}

// maxGrowing is how many growing files are remembered before those are
// forgotten that stand still.
const maxGrowing = 64

// grew notes that a file was appended. What is marked of it already came during the look.
func (s *schedule) grew(path string, now time.Time) {
	if len(s.growing) >= maxGrowing {
		maps.DeleteFunc(s.growing, func(_ string, at time.Time) bool { return now.Sub(at) >= appendPause })
	}
	s.growing[path] = now
	if m := s.marks[path]; m != nil {
		s.putOff(m)
		heap.Fix(&s.order, m.index)
	}
}

// putOff makes the lines of a log wait for each other.
func (s *schedule) putOff(m *mark) {
	at, grows := s.growing[m.path]
	if m.grows = grows; grows && m.scope == oneName && !m.whole {
		*m = (patience{}).growing(*m, at)
	}
}

// later puts a mark back that a look could not settle. Events that came
// meanwhile are merged; the time of the first one stays.
func (s *schedule) later(m mark) {
	have := s.covering(m.path)
	if have == nil {
		s.put(&m)
		return
	}
	if have.path != m.path {
		return // a wider mark covers it
	}
	s.raise(have, m.scope)
	have.whole = have.whole || m.whole
	have.open = m.open
	have.tries, have.tears = max(have.tries, m.tries), max(have.tears, m.tears)
	if m.first.Before(have.first) {
		have.first = m.first
	}
	if m.last.After(have.last) {
		have.last = m.last
	}
	if m.held {
		have.held, have.due = true, m.due
		heap.Fix(&s.order, have.index)
	}
}

// take removes up to n marks that are due.
func (s *schedule) take(now time.Time, n int) []mark {
	var due []mark
	for len(due) < n && len(s.order) > 0 && !s.order[0].due.After(now) {
		due = append(due, *s.pop())
	}
	return due
}

// since says whether a mark is left from that moment or before.
func (s *schedule) since(at time.Time) bool {
	for _, m := range s.order {
		if !m.first.After(at) {
			return true
		}
	}
	return false
}

// next is when take has something; false: never, as things are.
func (s *schedule) next() (time.Time, bool) {
	if len(s.order) == 0 {
		return time.Time{}, false
	}
	return s.order[0].due, true
}

func (s *schedule) put(m *mark) {
	if len(s.marks) >= s.limit {
		s.widen()
		if have := s.covering(m.path); have != nil {
			return
		}
	}
	s.marks[m.path] = m
	if m.scope != oneName {
		s.wide++
	}
	heap.Push(&s.order, m)
}

func (s *schedule) pop() *mark {
	m := heap.Pop(&s.order).(*mark)
	delete(s.marks, m.path)
	if m.scope != oneName {
		s.wide--
	}
	return m
}

func (s *schedule) raise(m *mark, sc scope) {
	if sc <= m.scope {
		return
	}
	if m.scope == oneName {
		s.wide++
	}
	m.scope = sc
}

// covering is the mark that already stands for a path, if there is one.
func (s *schedule) covering(path string) *mark {
	if m := s.marks[path]; m != nil || s.wide == 0 || path == "" {
		return m
	}
	dir, _ := split(path)
	if m := s.marks[dir]; m != nil && m.scope != oneName {
		return m
	}
	for dir != "" {
		dir, _ = split(dir)
		if m := s.marks[dir]; m != nil && m.scope == subtree {
			return m
		}
	}
	return nil
}

// A directory with so many dirty names is listed as a whole when room is
// short: a listing costs about as much as so many single looks.
const crowd = 64

// widen makes room: names become their directories; if that is not enough,
// everything becomes the root.
func (s *schedule) widen() {
	perDir := map[string]int{}
	for path, m := range s.marks {
		if m.scope == oneName && path != "" {
			dir, _ := split(path)
			perDir[dir]++
		}
	}
	s.fold(func(path string) (string, scope) {
		dir, _ := split(path)
		if perDir[dir] >= crowd {
			return dir, listing
		}
		return path, oneName
	})
	if len(s.marks) > s.limit/2 {
		s.fold(func(string) (string, scope) { return "", subtree })
	}
}

// fold replaces every mark of a name by the mark that into names. What any of
// them had to wait for, the wider mark does not: a comparison finds it again.
func (s *schedule) fold(into func(path string) (string, scope)) {
	old := s.order
	s.order, s.marks, s.wide = nil, make(map[string]*mark, s.limit/2), 0
	for _, m := range old {
		to, sc := m.path, m.scope
		if m.path != "" || m.scope == oneName {
			if p, psc := into(m.path); p != m.path || psc > sc {
				to, sc = p, psc
			}
		}
		have := s.marks[to]
		if have == nil {
			have = &mark{path: to, scope: oneName, whole: m.whole, held: m.held, tries: m.tries, tears: m.tears, first: m.first, last: m.last, due: m.due}
			s.marks[to] = have
			s.order = append(s.order, have)
		}
		s.raise(have, sc)
		have.first, have.last = earlier(have.first, m.first), later(have.last, m.last)
		have.due = earlier(have.due, m.due)
	}
	for i, m := range s.order {
		m.index = i
	}
	heap.Init(&s.order)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// byDue is the heap.
type byDue []*mark

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h byDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *byDue) Push(x any) {
	m := x.(*mark)
	m.index = len(*h)
	*h = append(*h, m)
}
func (h *byDue) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}
