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
	sure     bool             // whoever has it has everything up to there, see [journal.Cursor.Unsure]
	err      error

	taken int // by so many cities; guarded by the share
}

// finish makes messages of the chunk's beginning and keeps the rest. A chunk
// that completes others is no whole for anybody else.
func (p *page) finish(ctx context.Context, fill *filling, chunk journal.Chunk) error {
	n := len(chunk.Entries)
	rest := cut(&chunk)
	p.sure = chunk.Done && len(chunk.Entries) == n
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
	by    map[opening]*page
	order []opening // oldest first
}

// opening is where a page begins, and for whom.
type opening struct {
	since journal.Seq
	who   reader
}

// reader is what is known of who wants a page. With the whole tree all are alike.
type reader int

const (
	unsure reader = iota // it may lack what lies before
	within               // it goes on with what was read ahead
	sure                 // it has everything up to there
)

const keepPages = 8

// keep remembers a page that brings somebody forward; others are for those
// only who already wait for it.
func (p *pages) keep(at opening, pg *page, users int) {
	p.order = append(p.order, at)
	switch {
	case pg.err != nil || pg.position.Seq == at.since || pg.taken >= users:
		p.drop(at)
	case len(p.order) > keepPages:
		p.drop(p.order[0])
	}
}

// take counts who has the page.
func (p *pages) take(at opening, pg *page, users int) {
	if pg.taken++; pg.taken >= users && slices.Contains(p.order, at) {
		p.drop(at)
	}
}

func (p *pages) drop(at opening) {
	delete(p.by, at)
	p.order = slices.DeleteFunc(p.order, func(o opening) bool { return o == at })
}
