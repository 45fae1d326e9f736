package stream

import (
	"context"
	"sync"
)

// queue holds what has arrived and waits for the disk: never more than the
// window that the capitol was given.
type queue struct {
	most int64
	wake chan struct{} // one place: "look again"

	mu     sync.Mutex
	items  []item
	bytes  int64
	closed bool
}

// item is a batch or a beat.
type item struct {
	batch Batch
	beat  *Beat
	size  int // of the payload, for the credit
}

func newQueue(window int64) *queue {
	return &queue{most: window + MaxFrame, wake: make(chan struct{}, 1)}
}

// put never waits. A beat replaces one that still waits beside it.
func (q *queue) put(it item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes += int64(it.size); q.bytes > q.most {
		return broken("batches of %d bytes wait, above the window", q.bytes)
	}
	if n := len(q.items); n > 0 && it.beat != nil && q.items[n-1].beat != nil {
		q.items[n-1] = it
	} else {
		q.items = append(q.items, it)
	}
	q.signal()
	return nil
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for the next item; batches that wait together come as one, so a
// slow disk gets larger groups. False: closed and empty, or ctx ended.
func (q *queue) take(ctx context.Context) (item, bool) {
	for {
		if ctx.Err() != nil {
			return item{}, false
		}
		q.mu.Lock()
		group, closed := q.grab(), q.closed
		q.mu.Unlock()
		if len(group) > 0 {
			return join(group), true
		}
		if closed {
			return item{}, false
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
}

// grab takes the items that can be applied as one. A beat is worth a
// comparison only if nothing newer waits behind it.
func (q *queue) grab() []item {
	var group []item
	n := 0
	for ; n < len(q.items); n++ {
		it := q.items[n]
		if it.beat != nil {
			if n < len(q.items)-1 {
				continue
			}
			if len(group) == 0 {
				group = append(group, it)
				n++
			}
			break
		}
		if len(group) > 0 && !follows(&group[len(group)-1].batch, &it.batch) {
			break
		}
		group = append(group, it)
		q.bytes -= int64(it.size)
	}
	q.items = append(q.items[:0], q.items[n:]...)
	clear(q.items[len(q.items):cap(q.items)])
	return group
}

// follows says that b may be applied together with a, which came before it. A
// part without a position does not join what already has one: the position
// would then stand for less than the group holds.
func follows(a, b *Batch) bool {
	return a.Full == b.Full && !a.FullDone && (a.Position.IsZero() || !b.Position.IsZero())
}
