package applier

import (
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
)

// litter removes names from staging that nobody wants any more. What the disk
// refuses to remove is tried again at the next quiet moment; Open removes the rest.
type litter struct {
	staging *beneath.Dir
	mu      sync.Mutex
	left    []string
}

func (l *litter) drop(name string) {
	if l.staging.RemoveAll(name) == nil {
		return
	}
	l.mu.Lock()
	l.left = append(l.left, name)
	l.mu.Unlock()
}

// again tries once more what was refused.
func (l *litter) again() {
	l.mu.Lock()
	names := l.left
	l.left = nil
	l.mu.Unlock()
	for _, name := range names {
		l.drop(name)
	}
}
