package stream

import (
	"context"
	"sync"
	"time"
)

// window is the flow control of batches: so many bytes may be on the way or
// waiting in the city. Without it a city whose disk is slow would have to
// stop reading, and would then also not read the content that its disk waits for.
type window struct {
	size int64

	mu       sync.Mutex
	sent     int64
	consumed int64
	wake     chan struct{} // closed when consumed grows
}

func (w *window) spend(n int) {
	w.mu.Lock()
	w.sent += int64(n)
	w.mu.Unlock()
}

// grant takes the city's word for what it has consumed, if it can be true.
func (w *window) grant(consumed int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if consumed < w.consumed || consumed > w.sent {
		return broken("credit for %d bytes, %d were sent", consumed, w.sent)
	}
	w.consumed = consumed
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
	return nil
}

// wait returns true once there is room, false when the clock says until.
func (w *window) wait(ctx context.Context, until time.Time) (bool, error) {
	for {
		w.mu.Lock()
		if w.sent-w.consumed < w.size {
			w.mu.Unlock()
			return true, nil
		}
		if w.wake == nil {
			w.wake = make(chan struct{})
		}
		wake := w.wake
		w.mu.Unlock()
		timer := time.NewTimer(time.Until(until))
		select {
		case <-wake:
			timer.Stop()
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			timer.Stop()
			return false, ctx.Err()
		}
	}
}
