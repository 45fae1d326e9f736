package stream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// turns lets so many cities at once be brought up to date or fetch large contents.
// The others stand in line. A city has its turn until it is proven to be in step; one
// that is gone, or stands still while others wait, has had it.
type turns struct {
	most  int           // 0: everybody at once
	stall time.Duration // so long a city may stand still
	slice time.Duration // and so long it may take, while others wait

	mu   sync.Mutex
	have map[*turn]struct{}
	line []*turn
}

const (
	// turnStall: a disk may take its time to flush.
	turnStall = 15 * time.Second
	// turnSlices of it are enough for anybody whom others wait for.
	turnSlices = 20
	// turnFree bytes a city that follows may be sent without a turn, until it has confirmed
	// them: small changes are not delayed by who is being brought up to date.
	turnFree = 8 << 20
)

// turn is a subscription's.
type turn struct {
	of    *turns
	moved func() time.Time // when something was sent last

	free atomic.Bool  // it follows: a little goes without a turn
	owed atomic.Int64 // bytes sent that it has not confirmed, about

	mark   journal.Seq // what it has to confirm next; of the reader alone, as what follows
	marked int64       // bytes sent until then

	// guarded by of.mu:
	since   time.Time     // it has its turn, and others wait, since then; zero: it has none
	granted chan struct{} // while it stands in line: closed when it is its turn
}

func newTurns(most int, stall time.Duration) *turns {
	stall = orDefault(stall, turnStall)
	return &turns{most: most, stall: stall, slice: turnSlices * stall, have: make(map[*turn]struct{})}
}

// join is for a city that is up to date once it has confirmed the head. One that
// follows lacks little.
func (o *turns) join(head journal.Seq, follows bool, moved func() time.Time) *turn {
	t := &turn{of: o, mark: head, moved: moved}
	t.free.Store(follows)
	return t
}

// ask is nil if the city may be sent n bytes, which counts them, else it is closed when
// that may be so: ask again then.
func (t *turn) ask(n int) (wait <-chan struct{}) {
	switch {
	case t.of.most == 0:
		return nil
	case t.free.Load() && t.owed.Load()+int64(n) <= turnFree:
		t.owed.Add(int64(n))
		return nil
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	now := time.Now()
	if t.since.IsZero() && t.granted == nil {
		t.of.joinLocked(t, now)
	}
	t.of.moveLocked(now)
	if t.granted != nil {
		return t.granted
	}
	t.owed.Add(int64(n))
	return nil
}

// joinLocked puts a city at the end of the line. While there was none nobody's time counted.
func (o *turns) joinLocked(t *turn, now time.Time) {
	if len(o.line) == 0 {
		for other := range o.have {
			other.since = now
		}
	}
	t.granted = make(chan struct{})
	o.line = append(o.line, t)
}

// await waits for what ask has given, until then at most; it looks whether others stand still.
func (t *turn) await(ctx context.Context, wait <-chan struct{}, until time.Time) error {
	clock := time.NewTimer(min(t.of.stall/4, time.Until(until)))
	defer clock.Stop()
	select {
	case <-wait:
	case <-clock.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// inLine says whether the city stands in line.
func (t *turn) inLine() bool {
	if t.of.most == 0 {
		return false
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return t.granted != nil
}

// confirmed hears what is on the city's disk, and what it was told by then. One that has
// all that there was when it came is up to date.
func (t *turn) confirmed(acked, told journal.Seq) {
	if t.of.most == 0 || acked < t.mark {
		return
	}
	if !t.free.Swap(true) {
		t.marked = t.owed.Load()
	}
	left := t.owed.Add(-t.marked)
	if t.mark, t.marked = told, left; left <= turnFree {
		t.give()
	}
}

// give gives up the turn, or the place in line.
func (t *turn) give() {
	o := t.of
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropLocked(t)
	if t.granted != nil {
		o.line = slices.DeleteFunc(o.line, func(l *turn) bool { return l == t })
		close(t.granted)
		t.granted = nil
	}
	o.moveLocked(time.Now())
}

func (o *turns) dropLocked(t *turn) {
	delete(o.have, t)
	t.since = time.Time{}
}

// moveLocked gives free turns to the first in line.
func (o *turns) moveLocked(now time.Time) {
	if len(o.line) > 0 && len(o.have) >= o.most {
		for t := range o.have {
			if now.Sub(t.since) >= o.slice || now.Sub(t.since) >= o.stall && now.Sub(t.moved()) >= o.stall {
				o.dropLocked(t)
			}
		}
	}
	for len(o.line) > 0 && len(o.have) < o.most {
		t := o.line[0]
		o.line = o.line[1:]
		o.have[t] = struct{}{}
		t.since = now
		close(t.granted)
		t.granted = nil
	}
}
