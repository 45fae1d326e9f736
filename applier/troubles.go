package applier

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// maxTroubles bounds what is remembered of failed paths; more are only counted.
// What is not remembered shows in the tree digest, and a full comparison brings
// it again.
const maxTroubles = 1000

// The pause before failed paths are tried again doubles from retryFirst to retryLast. Trying
// may fetch their contents anew: for so many bytes it is a second longer, up to retryMost.
const (
	retryFirst = 5 * time.Second
	retryLast  = 30 * time.Second
	retryBytes = 1 << 20
	retryMost  = 5 * time.Minute
)

// Trouble is a path that could not be made as the capitol says.
type Trouble struct {
	Path  string    `json:"path"` // bytes; escape it for people
	Why   string    `json:"why"`
	Errno string    `json:"errno,omitempty"`
	Since time.Time `json:"since"`
	Tries int       `json:"tries"`
}

// Lacking is a kind of thing that nodes could not be given.
type Lacking struct {
	Nodes   int64  `json:"nodes"`
	Example string `json:"example"`
}

type trouble struct {
	Trouble
	entry journal.Entry
	owed  bool // the capitol has a newer state, which will come by itself
}

// troubles is what people want to know and what has to be tried again.
type troubles struct {
	mu     sync.Mutex
	paths  map[journal.NodeID]*trouble
	more   int64 // not remembered
	lacks  map[journal.Lack]*Lacking
	kept   map[string]bool // directories that stay because of foreign names
	state  string          // why the destination takes nothing, "" if it does
	why    string          // for a state that is our own doing
	pause  time.Duration
	retry  time.Time // when to try again; zero: nothing to try
	verify bool      // the disk is not what rows say: look soon
}

func newTroubles() *troubles {
	t := &troubles{}
	t.clear()
	return t
}

func (t *troubles) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paths = make(map[journal.NodeID]*trouble)
	t.lacks = make(map[journal.Lack]*Lacking)
	t.kept = make(map[string]bool)
	t.more = 0
}

func (t *troubles) failed(e journal.Entry, path string, err error) { t.add(e, path, err, false) }
func (t *troubles) owed(e journal.Entry, path string, err error)   { t.add(e, path, err, true) }

func (t *troubles) add(e journal.Entry, path string, err error, owed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := e.Change.Node.ID
	old := t.paths[id]
	if old == nil {
		if len(t.paths) >= maxTroubles {
			t.more++
			return
		}
		old = &trouble{Trouble: Trouble{Since: now()}}
		t.paths[id] = old
		t.soonLocked()
	}
	old.entry, old.owed, old.Path, old.Why = e, owed, path, err.Error()
	old.Tries++
	old.Errno = ""
	var call *beneath.Error
	if errors.As(err, &call) {
		old.Errno = call.Err.Error()
	}
}

func (t *troubles) solved(id journal.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.paths, id)
	if len(t.paths) == 0 {
		t.retry = time.Time{}
	}
}

// keep drops the nodes that a full comparison did not name.
func (t *troubles) keep(named func(journal.NodeID) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.paths, func(id journal.NodeID, _ *trouble) bool { return !named(id) })
	t.more = 0
}

// due gives the entries to try again, at their time, and puts the next time off.
func (t *troubles) due(now time.Time) []journal.Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.retry.IsZero() || now.Before(t.retry) {
		return nil
	}
	entries := make([]journal.Entry, 0, len(t.paths))
	var bytes int64
	for _, id := range slices.Sorted(maps.Keys(t.paths)) {
		e := t.paths[id].entry
		entries = append(entries, e)
		bytes += min(e.Change.Node.Body.Size, int64(retryMost/time.Second)*retryBytes)
	}
	t.pause = min(2*t.pause, retryLast)
	t.retry = now.Add(min(t.pause+time.Duration(bytes/retryBytes)*time.Second, retryMost))
	return entries
}

// soonLocked lets a path that has just failed, and with it all others, have its next turn
// soon, but takes nobody's turn that is sooner.
func (t *troubles) soonLocked() {
	t.pause = retryFirst
	if soon := now().Add(retryFirst); t.retry.IsZero() || soon.Before(t.retry) {
		t.retry = soon
	}
}

// wanted adds the nodes whose newer state is still to come.
func (t *troubles) wanted(nodes []journal.Node) []journal.Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.paths {
		if p.owed && !p.entry.Change.Gone {
			nodes = append(nodes, p.entry.Change.Node)
		}
	}
	return nodes
}

// nodes are those that could not be made as they are wanted.
func (t *troubles) nodes() []journal.Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	nodes := make([]journal.Node, 0, len(t.paths))
	for _, p := range t.paths {
		nodes = append(nodes, p.entry.Change.Node)
	}
	return nodes
}

func (t *troubles) lacking(l journal.Lack, n *journal.Node) {
	if l == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for bit := journal.LackOwner; bit <= journal.LackTime; bit <<= 1 {
		if l&bit == 0 {
			continue
		}
		if t.lacks[bit] == nil {
			t.lacks[bit] = &Lacking{Example: n.Name}
		}
		t.lacks[bit].Nodes++
	}
}

func (t *troubles) keepForeign(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) < maxTroubles {
		t.kept[path] = true
	}
}

func (t *troubles) askVerify() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.verify = true
}

// wantsVerify says once that somebody asked.
func (t *troubles) wantsVerify() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := t.verify
	t.verify = false
	return asked
}

func (t *troubles) setState(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.why = "", ""
	var state *StateError
	var root *RootError
	var hold *HoldError
	switch {
	case errors.As(err, &state):
		t.state = state.State.Error()
		if state.State == ErrMinFree {
			t.why = state.Error() + "; " + state.Hint()
		}
	case errors.As(err, &root):
		t.state = "destination lost"
	case errors.As(err, &hold):
		t.state = "held"
	}
}

// lackName is the word that people see.
func lackName(l journal.Lack) string {
	switch l {
	case journal.LackOwner:
		return "owner"
	case journal.LackXattr:
		return "attributes"
	case journal.LackACL:
		return "acl"
	case journal.LackMode:
		return "mode"
	case journal.LackTime:
		return "time"
	}
	return "other"
}
