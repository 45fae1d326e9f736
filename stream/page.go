package stream

import (
	"context"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// page is what comes after a position: usually one message.
type page struct {
	ready    chan struct{} // closed when the rest is set
	messages []*sealed
	position journal.Position // once all of it is applied
	more     journal.Chunk    // what was read beyond it: the next page begins with that
	err      error
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

// pages are the last few of a share, by the position that they begin after.
type pages struct {
	by    map[journal.Seq]*page
	order []journal.Seq // oldest first
	last  time.Time     // when the newest was made
}

const (
	// keepPages is for cities that are a few pages behind the first.
	keepPages = 8
	// keepTime without a new page lets all of them go: who is behind reads again.
	keepTime = settleTime / 2
)

// keep remembers a page that brings somebody forward; others are for those
// only who already wait for it.
func (p *pages) keep(since journal.Seq, pg *page, now time.Time) {
	if pg.err != nil || pg.position.Seq == since {
		delete(p.by, since)
		return
	}
	p.last = now
	p.order = append(p.order, since)
	if len(p.order) > keepPages {
		delete(p.by, p.order[0])
		p.order = append(p.order[:0], p.order[1:]...)
	}
}

// release lets pages go that nobody was in a hurry for; those under way stay.
func (p *pages) release(now time.Time) {
	if len(p.order) == 0 || now.Sub(p.last) < keepTime {
		return
	}
	for _, since := range p.order {
		delete(p.by, since)
	}
	p.order = nil
}
