package stream

import (
	"context"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

const (
	// askSize and askDepth keep a fetch ahead of the wire: 4 MiB in flight
	// fill 50 ms of a 640 Mbit/s link.
	askSize  = 1 << 20
	askDepth = 4
	// askMost bounds what all fetches together have in flight, and so what may
	// arrive before it is written: askMost × askSize bytes.
	askMost = 16
)

// Fetch asks for bytes [off, off+length) of a node's content and writes them
// to w in order. Several may run at once, also while a subscriber's Apply
// waits for them. Errors: [ErrMoved], [ErrUnreadable], [ErrDisconnected] (what
// was written is right; go on from there later), ctx's, or w's.
func (c *Client) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if off < 0 || length < 0 || off+length > n.Body.Size {
		return fmt.Errorf("fetch node %d: bytes %d+%d of %d", n.ID, off, length, n.Body.Size)
	}
	if s == nil {
		return fmt.Errorf("fetch node %d: %w", n.ID, ErrDisconnected)
	}
	f := fetching{session: s, node: n, next: off, end: off + length}
	defer f.abandon()
	if err := f.run(ctx, w); err != nil {
		return fmt.Errorf("fetch node %d: %w", n.ID, err)
	}
	return nil
}

// fetching is one Fetch under way.
type fetching struct {
	session *session
	node    journal.Node
	next    int64  // the first byte not yet asked for
	end     int64  // behind the last
	open    []*ask // in the order of their offsets
}

func (f *fetching) run(ctx context.Context, w io.Writer) error {
	for {
		if err := f.askMore(ctx); err != nil {
			return err
		}
		if len(f.open) == 0 {
			return nil
		}
		first := f.open[0]
		piece, done, err := first.wait(ctx)
		if err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if done {
			f.open = f.open[1:]
			f.session.asks.end(first)
		}
	}
}

// askMore keeps askDepth requests in flight. It waits for a free place only
// when it holds none itself: fetches that wait for each other's would wait for ever.
func (f *fetching) askMore(ctx context.Context) error {
	places := f.session.asks.places
	for f.next < f.end && len(f.open) < askDepth {
		if len(f.open) > 0 && !places.TryAcquire(1) {
			return nil
		}
		if len(f.open) == 0 {
			if err := places.Acquire(ctx, 1); err != nil {
				return err
			}
		}
		a, err := f.session.asks.begin(want{Node: f.node.ID, Digest: f.node.Body.Digest, Generation: f.node.Body.Generation,
			Offset: f.next, Length: min(askSize, f.end-f.next)})
		if err != nil {
			return err
		}
		f.open = append(f.open, a)
		f.next += a.want.Length
		if err := f.session.say(kindWant, toWant(a.want)); err != nil {
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
	}
	return nil
}

// abandon takes back what is still open; bytes on their way are dropped.
func (f *fetching) abandon() {
	for _, a := range f.open {
		if f.session.asks.end(a) {
			_ = f.session.say(kindCancel, wireCancel{Request: a.want.Request}) // a broken connection needs none
		}
	}
}

// asks are the open requests of a session.
type asks struct {
	places *semaphore.Weighted

	mu     sync.Mutex
	open   map[uint64]*ask
	last   uint64
	closed bool
}

// ask is one request: what has arrived of it and was not yet written.
type ask struct {
	want want
	wake chan struct{} // one place: "look again"

	mu     sync.Mutex // guards what follows
	pieces [][]byte
	got    int64
	list   *chunk.List // the answer, if it asks for one
	err    error
}

func newAsks() *asks {
	return &asks{places: semaphore.NewWeighted(askMost), open: make(map[uint64]*ask)}
}

// begin takes over a place; end gives it back.
func (r *asks) begin(m want) (*ask, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.places.Release(1)
		return nil, ErrDisconnected
	}
	r.last++
	m.Request = r.last
	a := &ask{want: m, wake: make(chan struct{}, 1)}
	r.open[m.Request] = a
	return a, nil
}

// end says whether the capitol may still be sending.
func (r *asks) end(a *ask) bool {
	r.mu.Lock()
	delete(r.open, a.want.Request)
	closed := r.closed
	r.mu.Unlock()
	r.places.Release(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	return !closed && a.err == nil && (a.got < a.want.Length || a.lists() && a.list == nil)
}

// find is nil for a request that was taken back, an error for one that never was.
func (r *asks) find(request uint64) (*ask, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if request > r.last {
		return nil, broken("an answer to request %d, which was not made", request)
	}
	return r.open[request], nil
}

func (r *asks) take(m content) error {
	a, err := r.find(m.Request)
	if a == nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.got + int64(len(m.Bytes))
	if m.Offset != a.want.Offset+a.got || got > a.want.Length || m.Last != (got == a.want.Length) || a.err != nil {
		return broken("content at %d that was not asked for", m.Offset)
	}
	a.got = got
	a.pieces = append(a.pieces, m.Bytes)
	a.signal()
	return nil
}

func (r *asks) refuse(m moved) error {
	a, err := r.find(m.Request)
	if a == nil {
		return err
	}
	if m.Failed {
		a.fail(fmt.Errorf("%w: %s", ErrUnreadable, Display(m.Text)))
	} else {
		a.fail(ErrMoved)
	}
	return nil
}

// close fails all that is open.
func (r *asks) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, a := range r.open {
		a.fail(ErrDisconnected)
	}
}

func (a *ask) fail(err error) {
	a.mu.Lock()
	if a.err == nil {
		a.err = err
	}
	a.mu.Unlock()
	a.signal()
}

func (a *ask) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// wait is the next piece, and whether it is the last.
func (a *ask) wait(ctx context.Context) (piece []byte, done bool, err error) {
	for {
		a.mu.Lock()
		if len(a.pieces) > 0 {
			piece, a.pieces = a.pieces[0], a.pieces[1:]
			done = len(a.pieces) == 0 && a.got == a.want.Length
			a.mu.Unlock()
			return piece, done, nil
		}
		err := a.err
		a.mu.Unlock()
		if err != nil {
			return nil, false, err
		}
		select {
		case <-a.wake:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}
