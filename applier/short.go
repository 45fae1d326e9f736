package applier

import (
	"context"
	"time"
)

// What the hauls know of room: what is on its way has it, and some wait for it.

// life ends when the hauls are reset.
func (h *hauls) life() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ctx
}

// reserved is what the contents on their way may take at most.
func (h *hauls) reserved() (sum int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.byBytes {
		if !l.came() {
			sum += l.node.Body.Size
		}
	}
	return sum
}

// short counts the files that wait for room, and their bytes.
func (h *hauls) short() (files int, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.late {
		if n.short {
			files++
			bytes += n.entry.Change.Node.Body.Size
		}
	}
	return files, bytes
}

// callShort wakes whoever can complete what lacked room, when it is time to try again, and says
// when that is; never, if there is none.
func (h *hauls) callShort(at time.Time) (next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.late {
		if n.short && (next.IsZero() || n.after.Before(next)) {
			next = n.after
		}
	}
	if !next.IsZero() && !at.Before(next) {
		h.signalLocked()
		next = at.Add(roomAgain)
	}
	return next
}
