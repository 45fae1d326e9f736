package applier

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"io"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"golang.org/x/sync/errgroup"
)

// Lister is a [Fetcher] that knows contents as chunks: of n.Body, which is what
// the node has or had. An error means that there is no list to be had.
type Lister interface {
	Chunks(ctx context.Context, n journal.Node) (chunk.List, error)
}

const (
	// ranges that are missing are fetched so many at once: each waits for the network.
	ranges = 16
	// writeBehind bytes are handed to the disk as soon as they are written, so that
	// the flush in the end finds little to do.
	writeBehind = 8 << 20
	// worth of a patch: no more than this part of a content is missing, in eighths.
	worth = 7
)

// patch is a content on its way into a file in staging, from what an older file has
// and the ranges that it lacks:
//
//	old    ├──── A ────┤xxx├──── B ────┤
//	            copy          copy, shifted
//	staged ├──── A ────┤ new ┤──── B ────┤ ──▶ digest, in step
//	                      ▲
//	                    fetch, beside
//
// The lists that say so may be wrong, and the old file may be edited meanwhile: the
// digest over the new bytes decides. Where the file begins with the old bytes, and nobody was at
// the old file, the digest goes on from a mark that was left when those were hashed here,
// as it does for an append.
type patch struct {
	fetch  Fetcher
	node   *journal.Node
	old    *ancestor
	to     *beneath.File
	want   chunk.List
	spans  []chunk.Span
	own    chunk.Record    // what is known here of the old content, or of its beginning
	came   []chan struct{} // closed when a span's bytes are in the file; nil for copies
	cloned bool            // the file began as a copy of the old one
	blocks *chunk.Blocks
	hash   hash.Hash
	marks  *chunk.Marker
	hashed int64 // bytes that the hash has seen before
	begun  int64 // bytes whose way to the disk has begun
}

// patch makes n's content in w of an older file's bytes and what is missing. Not
// done means that all of it is to be fetched; w is as it was then.
func (h *hauls) patch(ctx context.Context, f Fetcher, n *journal.Node, old *ancestor, w *filler) (done bool, err error) {
	l, ok := f.(Lister)
	if !ok || old == nil || w.at > 0 {
		return false, nil
	}
	p := &patch{fetch: f, node: n, old: old, to: w.file, blocks: &h.partials.blocks, hash: sha256.New()}
	if !p.plan(ctx, l, h.lists) {
		return false, ctx.Err()
	}
	err = p.run(ctx)
	if err != nil && !errors.Is(err, errDigest) {
		return false, err
	}
	if err == nil {
		w.take(p.hash, n.Body.Size)
		if w.sum() == n.Body.Digest {
			_ = h.lists.Put(n.Body.Digest, chunk.Record{List: p.want, Marks: p.marks.Marks()}) // asked for again otherwise
			return true, nil
		}
	}
	return false, w.restart()
}

// plan finds both lists and compares them. Not ok means that there is nothing to gain.
func (p *patch) plan(ctx context.Context, l Lister, lists *chunk.Store) (ok bool) {
	var g errgroup.Group // the reading below outlasts it
	g.Go(func() (err error) {
		p.want, err = l.Chunks(ctx, *p.node)
		if err == nil {
			err = p.want.Check(p.node.Body.Size)
		}
		return err
	})
	var have chunk.List
	if p.old.same {
		have = p.known(ctx, l, lists)
	}
	if g.Wait() != nil {
		return false
	}
	if have.Grain != p.want.Grain || have.Size() != p.old.size {
		var err error
		if have, err = p.cutOld(ctx, have); err != nil {
			return false
		}
	}
	p.spans = chunk.Plan(have, p.want)
	return chunk.Missing(p.spans) <= p.node.Body.Size/8*worth
}

// known is the old content's list, or that of its beginning, from here or from the
// capitol; empty if neither has it.
func (p *patch) known(ctx context.Context, l Lister, lists *chunk.Store) chunk.List {
	n := p.old.node
	if r, ok := lists.GetBegun(n.Body.Digest); ok && r.List.Size() <= n.Body.Size {
		p.own = r
		return r.List
	}
	n.ID = p.node.ID // the capitol may not know the other one any more, or by another id
	have, err := l.Chunks(ctx, n)
	if err != nil || have.Check(n.Body.Size) != nil {
		return chunk.List{}
	}
	_ = lists.Put(n.Body.Digest, chunk.Record{List: have}) // asked for again otherwise
	return have
}

// cutOld makes the list by reading what begun does not tell, with chunks like the
// wanted ones.
func (p *patch) cutOld(ctx context.Context, begun chunk.List) (chunk.List, error) {
	c, from := chunk.NewCutter(p.want.Grain), int64(0)
	if begun.Grain == p.want.Grain {
		c, from = chunk.Resume(begun, len(begun.Chunks))
	}
	if err := copyTo(ctx, c, p.old.file, from, p.old.size-from); err != nil {
		return chunk.List{}, err
	}
	return c.List()
}

// run fetches and puts together, beside each other.
func (p *patch) run(ctx context.Context) error {
	p.clone()
	p.resume()
	p.came = make([]chan struct{}, len(p.spans))
	for i, s := range p.spans {
		if s.Way == chunk.Fetch {
			p.came[i] = make(chan struct{})
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(ranges, len(p.spans)) {
		g.Go(func() error { return p.fetchSome(ctx, &next) })
	}
	g.Go(func() error { return p.assemble(ctx) })
	return g.Wait()
}

// clone lets the file share the old one's blocks, where the file system can and
// most bytes stay where they are.
func (p *patch) clone() {
	var stay int64
	for _, s := range p.spans {
		if s.Way == chunk.Copy && s.From == s.To {
			stay += s.Length
		}
	}
	p.cloned = stay > p.node.Body.Size/2 && p.to.Clone(p.old.file) == nil
}

// resume spares the hash what the old content begins with too.
func (p *patch) resume() {
	p.marks = chunk.NewMarker(p.hash, 0, nil, p.want.Grain)
	first := p.spans[0]
	if first.Way != chunk.Copy || first.From != 0 {
		return
	}
	m, ok := p.own.MarkAt(first.Length)
	if !ok || p.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(m.State) != nil {
		p.hash.Reset()
		return
	}
	p.hashed = m.At
	p.marks = chunk.NewMarker(p.hash, m.At, p.own.MarksUntil(m.At), p.want.Grain)
}

// fetchSome fetches spans until none is left, the first ones first.
func (p *patch) fetchSome(ctx context.Context, next *atomic.Int64) error {
	for {
		i := next.Add(1) - 1
		if i >= int64(len(p.spans)) || ctx.Err() != nil {
			return ctx.Err()
		}
		s := p.spans[i]
		if s.Way != chunk.Fetch {
			continue
		}
		w := &rangeWriter{patch: p, at: s.To, end: s.To + s.Length}
		if err := p.fetch.Fetch(ctx, *p.node, s.To, s.Length, w); err != nil {
			return fetchError(err)
		}
		if w.at != w.end {
			return io.ErrUnexpectedEOF
		}
		close(p.came[i])
	}
}

// rangeWriter writes one range.
type rangeWriter struct {
	*patch
	at, end int64
}

// Write takes the next bytes of the range.
func (w *rangeWriter) Write(b []byte) (int, error) {
	if w.at+int64(len(b)) > w.end {
		return 0, errTooLong
	}
	if err := w.put(b, w.at); err != nil {
		return 0, err
	}
	w.at += int64(len(b))
	return len(b), nil
}
