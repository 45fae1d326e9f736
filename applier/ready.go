package applier

import (
	"context"
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

// ready is a node's content in staging, whole, checked and dressed.
type ready struct {
	name     string
	nameless *beneath.File // instead of a name
	made     object
	lacks    journal.Lack
	hash     []byte // see [journal.Seen]
	used     bool   // a task has taken it
}

// Prepare does what of a set needs no turn: it writes the contents that came
// along to staging, and begins to fetch others that are surely needed. It may run
// beside the Apply of an earlier set. What fails here, Apply meets again.
// After it, Apply or Drop must be called with the same set.
func (a *Applier) Prepare(ctx context.Context, s *Set, f Fetcher) {
	if a.cfg.DryRun || !a.stock.enter() {
		return // closing
	}
	defer a.stock.life.RUnlock()
	defer a.line.join(s)
	if !a.ahead(s) {
		return
	}
	p := preparing{applier: a, set: s}
	var nodes []*journal.Node
	for i := range s.Entries {
		n := &s.Entries[i].Change.Node
		if s.Entries[i].Note != nil || s.Entries[i].Change.Gone || n.Kind != journal.File || n.Body.Size == 0 {
			continue
		}
		body, inline := s.Bodies[n.ID]
		switch {
		case inline && int64(len(body)) == n.Body.Size:
			nodes = append(nodes, n)
		case !inline && f != nil && (a.bare.Load() || !s.Full) && n.ID > a.highest.get() && !a.mayDescend(ctx, s, n):
			a.prefetch(ctx, n, f)
		}
	}
	p.all(ctx, nodes)
}

// Drop gives back what Prepare made for a set that is not going to be applied.
func (a *Applier) Drop(s *Set) {
	a.line.leave(s)
	a.weight.Add(-s.weight)
	s.weight = 0
	open := a.stock.enter()
	if open {
		defer a.stock.life.RUnlock()
	}
	for id, r := range s.ready {
		switch {
		case r.used:
		case r.nameless != nil:
			a.nameless.done(r.nameless)
		case open:
			a.litter.drop(r.name)
		}
		delete(s.ready, id)
	}
}

// preparing is one Prepare under way.
type preparing struct {
	applier *Applier
	set     *Set
	mu      sync.Mutex
}

func (p *preparing) all(ctx context.Context, nodes []*journal.Node) {
	if len(nodes) == 0 {
		return
	}
	p.set.ready = make(map[journal.NodeID]*ready, len(nodes))
	var g errgroup.Group
	half := (len(nodes) + stagers - 1) / stagers
	for len(nodes) > 0 {
		part := nodes[:min(half, len(nodes))]
		nodes = nodes[len(part):]
		work := func() error {
			for _, n := range part {
				if ctx.Err() != nil || p.one(n) != nil {
					return nil
				}
			}
			return nil
		}
		if len(nodes) == 0 {
			_ = work()
			break
		}
		g.Go(work)
	}
	_ = g.Wait() // nothing fails here
}

func (p *preparing) one(n *journal.Node) error {
	if n.ID > p.applier.highest.get() {
		if f := p.applier.nameless.create(n); f != nil {
			return p.fillNameless(n, f)
		}
	}
	return p.applier.partials.with(n.Body, true, func(name string, w *filler) error {
		_, err := p.fill(n, name, w)
		return err
	})
}

func (p *preparing) fillNameless(n *journal.Node, f *beneath.File) error {
	r, err := p.fill(n, "", newFiller(f, n.Body.Size, nil))
	if err != nil {
		p.applier.nameless.done(f)
		return err
	}
	r.nameless = f
	return nil
}

func (p *preparing) fill(n *journal.Node, name string, w *filler) (*ready, error) {
	w.whole(p.set.Bodies[n.ID])
	r, err := finishStaged(n, name, w)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.set.ready[n.ID] = r
	p.mu.Unlock()
	return r, nil
}

// prefetch begins to fetch a content that no file of ours has. In a comparison
// others may have it, at its very place: then it is for the set to look.
func (a *Applier) prefetch(ctx context.Context, n *journal.Node, f Fetcher) {
	if a.hauls.under(n) {
		return
	}
	if rows, err := a.journal.ByDigest(ctx, n.Body.Digest); err == nil && len(rows) == 0 {
		a.hauls.start(f, n, nil)
	}
}
