package applier

import (
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// actTime is how long deletions count as one act. A tree that is removed file by
// file is in step between its sets, and still is one act; a log that is rotated
// twice a minute never becomes one that is held.
const actTime = time.Minute

// act is what is remembered of deletions from set to set, see [Limit].
type act struct {
	began    time.Time
	last     time.Time      // when something was deleted
	newest   journal.NodeID // what came since it began is not counted when it goes
	total    int64          // nodes there were, at most
	doomed   int64          // deleted so far
	released bool           // a person has confirmed it
}

// goOn begins a new act where the old one is over, or there is none.
func (a *act) goOn(nodes int64, newest journal.NodeID) {
	if now().Sub(a.last) > actTime && now().Sub(a.began) > actTime {
		*a = act{began: now(), newest: newest}
	}
	a.total = max(a.total, nodes+a.doomed)
}

// deleted counts what a set has deleted.
func (a *act) deleted(nodes int64) {
	if nodes > 0 {
		a.doomed, a.last = a.doomed+nodes, now()
	}
}

// settle ends an act that has lasted: all that it is about is done.
func (a *act) settle() {
	if now().Sub(a.began) > actTime {
		*a = act{}
	}
}
