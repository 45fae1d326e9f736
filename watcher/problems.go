package watcher

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// Problem is something of the tree that is not in the journal as it is on the disk.
type Problem struct {
	Path  string    // bytes; escape it before a person sees it
	Why   string    // "list: permission denied"
	Since time.Time // when it was met first

	// NotCarried says that no tree carries such a thing (a FIFO, a socket, a device, what
	// lies on another file system): nothing failed.
	NotCarried bool `json:",omitempty"`
}

// So many problems are kept with their paths; of the rest only the number is known.
const maxProblems = 256

// problems is the list. It may be used from many goroutines.
type problems struct {
	mu   sync.Mutex
	by   map[problemKey]Problem
	more int // met when the list was full, since the last reconcile began
}

// A directory can be fine by itself while its listing is not.
type problemKey struct {
	path    string
	listing bool
}

func keyOf(path, verb string) problemKey {
	return problemKey{path, verb == "list" || verb == "open" || verb == "enter"}
}

func (p *problems) add(path, verb string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, why := keyOf(path, verb), verb+": "+cause(err).Error()
	old, known := p.by[key]
	switch {
	case known && old.Why == why:
	case !known && len(p.by) >= maxProblems:
		p.more++
	default:
		if p.by == nil {
			p.by = map[problemKey]Problem{}
		}
		p.by[key] = Problem{path, why, time.Now(), errors.Is(err, errSpecial) || errors.Is(err, errOtherDevice)}
	}
}

func (p *problems) clear(path string) { p.drop(problemKey{path, false}) }

func (p *problems) clearListing(path string) { p.drop(problemKey{path, true}) }

// healed says that a name is as the journal has it, so nothing hinders it any more; what
// is in a directory is another question.
func (p *problems) healed(path string, kind journal.Kind) {
	p.clear(path)
	if kind != journal.Dir {
		p.clearListing(path)
	}
}

// some says whether there are any.
func (p *problems) some() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.by) > 0
}

func (p *problems) drop(k problemKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, k)
}

// recount begins a new count of what does not fit, as a reconcile meets everything.
func (p *problems) recount() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.more = 0
}

// list is what is kept, by path, and how many there are in all.
func (p *problems) list() ([]Problem, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Problem, 0, len(p.by))
	for _, one := range p.by {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return all, len(all) + p.more
}
