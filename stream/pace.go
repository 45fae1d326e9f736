package stream

import (
	"sync/atomic"
	"time"
)

// pace judges for one connection whether packing pays: whether the link takes
// longer for the bytes that it would save than a core takes to save them. It
// goes by how long writes take: a write into a full socket takes the link's
// time, or that of a reader who is busy.
type pace struct {
	local bool        // the other end is on this machine
	pays  atomic.Bool // the verdict

	plain, packed atomic.Int64 // bytes of messages, before and after packing, since the last verdict

	// Of the writer alone:
	ratio float64 // packed ÷ plain, as last seen
	bytes int64   // written in this burst
	spent time.Duration
	ended time.Time // of the last write
}

const (
	// paceSpan of bytes make one measurement: more than socket buffers hold,
	// so that filling them does not count as speed.
	paceSpan = 8 << 20
	// pacePause empties the buffers: what was written before it tells nothing.
	pacePause = 100 * time.Millisecond
	// packSpeed is about what one core packs in a second.
	packSpeed = 300 << 20
	// tunnelSpeed: on this machine both ends share the cores, and a write that
	// waits mostly waits for those. What is slower than this is a tunnel to elsewhere.
	tunnelSpeed = 16 << 20
	// usualRatio is expected of what was not packed yet.
	usualRatio = 0.4
)

// newPace expects the worst of a network and the best of this machine.
func newPace(local bool) *pace {
	p := &pace{local: local, ratio: usualRatio}
	p.pays.Store(!local)
	return p
}

// gained notes what packing made of a message. Any goroutine may call it.
func (p *pace) gained(plain, packed int) {
	p.plain.Add(int64(plain))
	p.packed.Add(int64(packed))
}

// note takes in one write of n bytes, which began then and ends now. The writer
// alone calls it.
func (p *pace) note(n int, began, now time.Time) {
	if began.Sub(p.ended) > pacePause {
		p.bytes, p.spent = 0, 0
	}
	p.ended = now
	p.bytes += int64(n)
	p.spent += now.Sub(began)
	if p.bytes < paceSpan && p.spent < time.Second {
		return
	}
	p.judge(p.spent.Seconds() / float64(p.bytes))
	p.bytes, p.spent = 0, 0
}

// judge decides for a link that takes so many seconds a byte.
func (p *pace) judge(each float64) {
	if p.local {
		p.pays.Store(each > 1.0/tunnelSpeed)
		return
	}
	if plain, packed := p.plain.Swap(0), p.packed.Swap(0); plain > 0 {
		p.ratio = float64(packed) / float64(plain)
	} else {
		p.ratio += (usualRatio - p.ratio) / 4 // after a while other bytes come: worth another attempt
	}
	p.pays.Store(each*(1-p.ratio) > 1.0/packSpeed)
}
