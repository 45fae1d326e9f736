package stream

import (
	"context"
)

const (
	// groupEntries and groupBytes (of payload) bound what is applied as one: enough to
	// share a flush, little enough that two groups, decoded, cost little memory.
	groupEntries = 4096
	groupBytes   = 4 << 20
	// creditShare of the window is consumed before the capitol is told: a frame for
	// each line of a log would cost both ends more than the line.
	creditShare = 8
)

// step is what the applier does next: work, or a beat to hear.
type step struct {
	work Work
	beat *Beat
}

func (s step) drop() {
	if s.work != nil {
		s.work.Drop()
	}
}

// prepare turns what the queue holds into steps, until it is closed and empty.
func (s *session) prepare(ctx context.Context, sub Subscriber, steps chan<- step) error {
	p := preparer{queue: s.queue, codec: s.client.codec, step: s.client.cfg.Window / creditShare, credit: func(consumed int64) {
		_ = s.say(kindCredit, wireCredit{Consumed: consumed}) // an error shows up in listen; what is here is applied still
	}}
	for {
		st, err := p.next(ctx, sub)
		if err != nil || st == (step{}) {
			return err
		}
		select {
		case steps <- st:
		case <-ctx.Done():
			st.drop()
			return nil
		}
	}
}

// preparer decodes batches and joins those that wait together, so a slow disk
// gets larger groups.
type preparer struct {
	queue    *queue
	codec    *codec
	credit   func(consumed int64)
	step     int64 // bytes that are worth a word to the capitol
	consumed int64
	credited int64
	held     *Batch // decoded, but not to be joined with the one before it
}

// next is the next step; an empty one at the end.
func (p *preparer) next(ctx context.Context, sub Subscriber) (step, error) {
	group, beat, err := p.group(ctx)
	if err != nil || beat != nil || group == nil {
		return step{beat: beat}, err
	}
	return step{work: sub.Prepare(ctx, join(group))}, nil
}

// group waits for a batch, and takes the ones that wait behind it; or a beat.
func (p *preparer) group(ctx context.Context) ([]Batch, *Beat, error) {
	first, beat, err := p.first(ctx)
	if err != nil || first == nil {
		return nil, beat, err
	}
	group := []Batch{*first}
	entries, size := len(first.Entries), 0
	for entries < groupEntries && size < groupBytes {
		it, ok := p.queue.more()
		if !ok {
			break
		}
		b, err := p.decode(it)
		if err != nil {
			return nil, nil, err
		}
		if !follows(&group[len(group)-1], b) {
			p.held = b
			break
		}
		group = append(group, *b)
		entries, size = entries+len(b.Entries), size+len(it.payload)
	}
	return group, nil, nil
}

// first waits for a batch or a beat.
func (p *preparer) first(ctx context.Context) (*Batch, *Beat, error) {
	if b := p.held; b != nil {
		p.held = nil
		return b, nil, nil
	}
	it, ok := p.queue.take(ctx)
	if !ok || it.beat != nil {
		return nil, it.beat, nil
	}
	b, err := p.decode(it)
	return b, nil, err
}

// decode also tells the capitol that there is room again, once that is some part of the
// window: all that was sent will have been consumed, so a full window is always told of.
func (p *preparer) decode(it item) (*Batch, error) {
	if p.consumed += int64(len(it.payload)); p.consumed-p.credited >= p.step {
		p.credit(p.consumed)
		p.credited = p.consumed
	}
	b, err := p.codec.decodeBatch(it.payload)
	return &b, err
}

// follows says that b may be applied together with a, which came before it. A
// part without a position does not join what already has one: the position
// would then stand for less than the group holds.
func follows(a, b *Batch) bool {
	return a.Full == b.Full && !a.FullDone && (a.Position.IsZero() || !b.Position.IsZero())
}
