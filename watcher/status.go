package watcher

import (
	"fmt"
	"sync"
	"time"
)

// State is one word about how well the tree is heard.
type State string

// The states.
const (
	Scanning         State = "scanning"          // the first reconcile is not through
	Live             State = "live"              // every directory is watched
	PartiallyWatched State = "partially-watched" // some are polled
	SourceLost       State = "source-lost"       // the root is not the root it was; nothing is appended
)

// Status is a report for people and machines.
type Status struct {
	State         State
	Why           string // of source-lost
	Root          string
	Watches       int       // directories that are watched
	Unwatched     []string  `json:",omitempty"` // directories that are polled, the first of them
	UnwatchedAll  int       // how many they are
	Hint          string    `json:",omitempty"` // what to type against that
	Remote        string    `json:",omitempty"` // the network file system whose other users' changes make no event
	Problems      []Problem `json:",omitempty"` // the first of them
	ProblemsAll   int
	Waiting       int           // paths that are dirty now
	Overflows     int           // of the kernel's queue, since the start
	LastAppend    time.Time     // zero: nothing was appended yet
	LastReconcile time.Time     // when the last one ended
	ReconcileTook time.Duration // nanoseconds in JSON
	JournalError  string        `json:",omitempty"` // why nothing can be appended now
}

const listedUnwatched = 64

const watchHint = "sysctl fs.inotify.max_user_watches=1048576 (to keep it: in a file in /etc/sysctl.d)"

// Status reports how things are now. Any goroutine may call it.
func (w *Watcher) Status() Status {
	st := w.facts.get()
	st.Root = w.cfg.Root
	st.Problems, st.ProblemsAll = w.problems.list()
	s := w.current()
	if s == nil {
		return st
	}
	st.Watches, st.Waiting = s.notify.watches(), s.dirty.size()
	var why string
	st.Unwatched, why = s.unwatched.list(listedUnwatched)
	st.UnwatchedAll = s.unwatched.size()
	if st.UnwatchedAll > 0 {
		st.Hint = fmt.Sprintf("%s: %s", why, watchHint)
		if st.State == Live {
			st.State = PartiallyWatched
		}
	}
	return st
}

// facts are the parts of Status that nobody else keeps.
type facts struct {
	mu sync.Mutex
	st Status
}

func (f *facts) get() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.st
}

func (f *facts) set(change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.st)
}
