package stream

import (
	"context"
	"slices"
	"sync"

	"github.com/hydrasync/hydrasync/journal"
)

// page is what comes after a position: usually one message.
type page struct {
	ready    chan struct{} // closed when the rest is set
	messages []*sealed
	entries  int              // in them
	position journal.Position // once all of it is applied
	more     journal.Chunk    // what was read beyond it: the next page begins with that
	err      error

	taken int // by so many cities; guarded by the share
}

// finish makes messages of the chunk's beginning and keeps the rest. A chunk
// that completes others is no whole for anybody else.
func (p *page) finish(ctx context.Context, fill *filling, chunk journal.Chunk) error {
	rest := cut(&chunk)
	if len(p.messages) == 0 {
		p.more = rest
	}
	p.position = chunk.Position
	if len(chunk.Entries) == 0 {
		return nil
	}
	p.entries += len(chunk.Entries)
	return fill.parts(ctx, chunk, p.add)
}

func (p *page) add(message []byte) error {
	p.messages = append(p.messages, &sealed{plain: message})
	return nil
}

// sealed is a message, in both forms once somebody wanted the second.
type sealed struct {
	plain  []byte
	once   sync.Once
	packed []byte
}

func (m *sealed) pack(c *codec) []byte {
	m.once.Do(func() { m.packed = c.squeeze(m.plain) })
	return m.packed
}

// pages are the last few of a share, by the position that they begin after. A
// page that every city has taken goes at once; keepPages are for cities that
// are behind.
type pages struct {
	by    map[journal.Seq]*page
	order []journal.Seq // oldest first
}

const keepPages = 8

// keep remembers a page that brings somebody forward; others are for those
// only who already wait for it.
func (p *pages) keep(since journal.Seq, pg *page, users int) {
	p.order = append(p.order, since)
	switch {
	case pg.err != nil || pg.position.Seq == since || pg.taken >= users:
		p.drop(since)
	case len(p.order) > keepPages:
		p.drop(p.order[0])
	}
}

// take counts who has the page.
func (p *pages) take(since journal.Seq, pg *page, users int) {
	if pg.taken++; pg.taken >= users && slices.Contains(p.order, since) {
		p.drop(since)
	}
}

func (p *pages) drop(since journal.Seq) {
	delete(p.by, since)
	p.order = slices.DeleteFunc(p.order, func(s journal.Seq) bool { return s == since })
}
