package applier

import (
	"context"
	"errors"
	"sync"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"golang.org/x/sync/semaphore"
)

const (
	// hauling contents are fetched at once: they wait for the network, not for the disk.
	hauling = 16
	// maxLate bounds the nodes that were left behind and are not there yet. At the bound
	// sets wait for their contents.
	maxLate = 1000
)

// errOnItsWay is what a task has whose content comes later: the node stays as it
// was until then, and the position stays before its set.
var errOnItsWay = &pathError{"its content is on its way"}

// hauls are the contents that are on their way from the capitol, one for
// whoever wants the same bytes. A set that runs out of patience leaves its node
// behind; when the content has come, late says so, and [Applier.Complete]
// makes the node as it was to be.
type hauls struct {
	partials *partials
	lists    *chunk.Store // nil: contents are fetched as a whole
	slots    *semaphore.Weighted
	wake     chan struct{} // one place: a late node can be completed

	mu      sync.Mutex // guards what follows
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	byBytes map[journal.Digest]*haul
	late    map[journal.NodeID]late
}

// haul is one content: under way, or in staging.
type haul struct {
	node journal.Node // whose content the capitol is asked for
	drop context.CancelCauseFunc
	done chan struct{} // closed when the rest is set
	name string
	hash []byte // see [journal.Seen]
	err  error

	taker *task // who has it now; guarded by hauls.mu
	over  bool  // it came for a connection that broke; guarded by hauls.mu
}

func newHauls(p *partials, lists *chunk.Store) *hauls {
	h := &hauls{partials: p, lists: lists, slots: semaphore.NewWeighted(hauling), wake: make(chan struct{}, 1),
		byBytes: make(map[journal.Digest]*haul), late: make(map[journal.NodeID]late)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// start begins to fetch a node's content, or joins who fetches the same. It takes
// over old, which may have some of the bytes, or is nil.
func (h *hauls) start(f Fetcher, n *journal.Node, old *ancestor) *haul {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.byBytes[n.Body.Digest]; l != nil && !h.uselessLocked(l) {
		old.close()
		l.over = false
		return l
	}
	h.reuseLocked(n.Body)
	ctx, drop := context.WithCancelCause(h.ctx)
	l := &haul{node: *n, drop: drop, done: make(chan struct{})}
	h.byBytes[n.Body.Digest] = l
	h.running.Go(func() {
		defer drop(nil)
		l.err = h.fetch(ctx, l, f, &l.node, old)
		old.close()
		close(l.done)
		h.arrived(l)
	})
	return l
}

// reuseLocked lets a content begin with what came before a break: the capitol tells of the
// bytes that were added since.
func (h *hauls) reuseLocked(want journal.Content) {
	for d, l := range h.byBytes {
		if l.over && begins(l.node.Body, want) &&
			h.partials.add(partial{l.name, l.node.Body.Size, l.hash, l.node.Body}) {
			delete(h.byBytes, d)
			return
		}
	}
}

// uselessLocked says that a haul has failed, and that nobody is there to be told.
func (h *hauls) uselessLocked(l *haul) bool {
	return l.came() && l.err != nil && !h.awaitedLocked(l)
}

func (h *hauls) fetch(ctx context.Context, l *haul, f Fetcher, n *journal.Node, old *ancestor) error {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return dropped(ctx, err)
	}
	defer h.slots.Release(1)
	return h.partials.with(n.Body, false, func(name string, w *filler) error {
		done, err := h.patch(ctx, f, n, old, w)
		if err == nil && !done {
			err = download(ctx, f, n, w)
		}
		if err != nil {
			return dropped(ctx, err)
		}
		if err := w.finish(n.Body); err != nil {
			return err
		}
		l.name, l.hash = name, w.hashState()
		if n.Body.Size < minPartial {
			return nil // a set flushes it with others
		}
		return w.file.Sync()
	})
}

// errDropped is what a haul has that was ended because a newer content is wanted.
var errDropped = &pathError{"a newer content is wanted"}

// dropped tells the end of one haul from the end of all.
func dropped(ctx context.Context, err error) error {
	if context.Cause(ctx) == errDropped {
		return errDropped
	}
	return err
}

// download asks the capitol for everything that is not written yet.
func download(ctx context.Context, f Fetcher, n *journal.Node, w *filler) error {
	if f == nil {
		return errMovedOn
	}
	return fetchError(f.Fetch(ctx, *n, w.at, n.Body.Size-w.at, w))
}

// fetchError is what a Fetcher's error means for its content.
func fetchError(err error) error {
	switch {
	case err == nil:
		return nil
	case hasMoved(err):
		return errMovedOn
	case errors.Is(err, errTooLong):
		return errDigest
	}
	return err
}

// arrived wakes whoever can complete a late node.
func (h *hauls) arrived(l *haul) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.awaitedLocked(l) {
		h.signalLocked()
	}
}

func (h *hauls) signalLocked() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take gives what a haul brought to the first task that asks, and says which that was.
func (h *hauls) take(l *haul, t *task) (taker *task, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.err != nil {
		h.forgetLocked(l, t.node.Body.Digest)
		return nil, l.err
	}
	if l.taker == nil {
		l.taker = t
	}
	return l.taker, nil
}

// leave is called when a set is over that wanted a haul: one that is used up, or
// has failed, is of no use to another.
func (h *hauls) leave(l *haul, d journal.Digest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.came() && (l.taker != nil || l.err != nil) {
		h.forgetLocked(l, d)
	}
}

func (h *hauls) forgetLocked(l *haul, d journal.Digest) {
	if h.byBytes[d] == l {
		delete(h.byBytes, d)
	}
}

// came says whether nothing is to be waited for any more.
func (l *haul) came() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// reset ends what is under way and waits for it. What has come stays for who wants
// it again, and so does what is worth keeping of the rest.
func (h *hauls) reset() {
	h.mu.Lock()
	h.stop()
	clear(h.late)
	h.mu.Unlock()
	h.running.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ctx, h.stop = context.WithCancel(context.Background())
	for d, l := range h.byBytes {
		if l.over = true; l.err != nil || l.taker != nil {
			delete(h.byBytes, d)
		}
	}
}

// tidy removes what has come, as a whole or in part, and nobody wants.
func (h *hauls) tidy() {
	h.partials.tidy()
	for _, name := range h.unwanted() {
		h.partials.litter.drop(name)
	}
}

// unwanted forgets what has come and nobody waits for, and gives its names in staging.
func (h *hauls) unwanted() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for d, l := range h.byBytes {
		if !l.came() || h.awaitedLocked(l) {
			continue
		}
		if l.err == nil && l.taker == nil {
			names = append(names, l.name)
		}
		delete(h.byBytes, d)
	}
	return names
}

// close ends everything; nothing may be started after it.
func (h *hauls) close() {
	h.reset()
	h.stop()
	h.tidy()
}
