package applier

import (
	"context"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/journal"
)

// highest is the largest node id that the journal may have a row of. Capitols
// count upwards, so a new node needs no look into the journal.
type highest struct{ id atomic.Int64 }

func (h *highest) get() journal.NodeID { return journal.NodeID(h.id.Load()) }

func (h *highest) read(ctx context.Context, j *journal.Journal) error {
	id, err := j.Highest(ctx)
	h.id.Store(int64(id))
	return err
}

// raise is called before a row is written.
func (h *highest) raise(id journal.NodeID) {
	for {
		old := h.id.Load()
		if int64(id) <= old || h.id.CompareAndSwap(old, int64(id)) {
			return
		}
	}
}
