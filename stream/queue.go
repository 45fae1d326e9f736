package stream

import (
	"context"
	"sync"
)

// queue holds what has arrived and waits for the disk, as it came: never more
// than the window that the capitol was given.
type queue struct {
	most int64
	wake chan struct{} // one place: "look again"

	mu     sync.Mutex
	items  []item
	bytes  int64
	closed bool
}

// item is a batch, not decoded yet, or a beat.
type item struct {
	payload []byte
	beat    *Beat
}

func newQueue(window int64) *queue {
	return &queue{most: window + MaxFrame, wake: make(chan struct{}, 1)}
}

// put never waits. A beat replaces one that still waits beside it.
func (q *queue) put(it item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes += int64(len(it.payload)); q.bytes > q.most {
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

// take waits for the next item. False: closed and empty, or ctx ended.
func (q *queue) take(ctx context.Context) (item, bool) {
	for ctx.Err() == nil {
		it, ok, closed := q.first(false)
		if ok || closed {
			return it, ok
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
	return item{}, false
}

// more is the next batch, if one waits and only beats that it overtakes are before it.
func (q *queue) more() (item, bool) {
	it, ok, _ := q.first(true)
	return it, ok
}

// first takes the first item. A beat is worth a comparison only if nothing
// newer waits behind it.
func (q *queue) first(batch bool) (it item, ok, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 1 && q.items[0].beat != nil {
		q.drop()
	}
	if len(q.items) == 0 || batch && q.items[0].beat != nil {
		return item{}, false, q.closed
	}
	it = q.items[0]
	q.bytes -= int64(len(it.payload))
	q.drop()
	return it, true, q.closed
}

func (q *queue) drop() {
	q.items[0] = item{}
	q.items = q.items[1:]
}
