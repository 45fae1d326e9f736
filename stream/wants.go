package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// wantWorkers read content for one connection at the same time. More would not
// make a disk faster and takes MaxContent of memory each.
const wantWorkers = 4

// wants are the open requests of one connection.
type wants struct {
	running sync.WaitGroup
	turns   chan struct{}

	mu   sync.Mutex
	open map[uint64]context.CancelFunc
}

func (w *wants) wait() { w.running.Wait() }

func (w *wants) cancel(request uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if stop := w.open[request]; stop != nil {
		stop()
	}
}

func (w *wants) begin(ctx context.Context, request uint64) (context.Context, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.open) >= MaxWants {
		return nil, &ownFault{fault{Code: CodeLimit, Text: "too many requests for content at once"}}
	}
	if w.open[request] != nil {
		return nil, broken("request %d twice", request)
	}
	ctx, stop := context.WithCancel(ctx)
	w.open[request] = stop
	return ctx, nil
}

func (w *wants) end(request uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[request]()
	delete(w.open, request)
}

// serve answers one request, beside others.
func (p *subscription) serve(ctx context.Context, m want, answer func(context.Context, want) error) error {
	asked, err := p.wants.begin(ctx, m.Request)
	if err != nil {
		return err
	}
	p.wants.running.Go(func() {
		defer p.wants.end(m.Request)
		select {
		case p.wants.turns <- struct{}{}:
			defer func() { <-p.wants.turns }()
		case <-asked.Done():
			return
		}
		if err := answer(asked, m); err != nil && asked.Err() == nil {
			p.refuseWant(ctx, m, err)
		}
	})
	return nil
}

func (p *subscription) refuseWant(ctx context.Context, m want, err error) {
	no := moved{Request: m.Request}
	if !movedOn(err) {
		no.Failed, no.Text = true, Display(err.Error())
		p.srv.cfg.Log.Warn().Err(err).Str("tree", Display(p.tree.Name)).Int64("node", int64(m.Node)).Msg("cannot read content")
	}
	if message, err := p.srv.codec.pack(kindMoved, toMoved(no)); err == nil {
		_ = p.out.send(ctx, message) // fails only when the connection ends anyway
	}
}

func (p *subscription) answerWant(ctx context.Context, m want) error {
	if err := p.tree.within(ctx, p.may, m.Node); err != nil {
		return err
	}
	if err := p.myTurn(ctx, m.Length); err != nil {
		return err
	}
	body, err := p.tree.open(ctx, m.Node, m.Digest, m.Generation, m.Offset+m.Length)
	if err != nil {
		return err
	}
	defer body.Close()
	lent := p.srv.pieces.Get().(*[contentHeadMost + MaxContent]byte)
	defer p.srv.pieces.Put(lent) // deliver returns when the message is written
	buf := lent[:0]
	written := make(chan struct{}, 1)
	for done := int64(0); done < m.Length; {
		n := min(m.Length-done, MaxContent)
		message := contentHead(buf, m.Request, m.Offset+done, done+n == m.Length, int(n))
		piece := message[len(message) : len(message)+int(n)]
		if got, err := body.ReadAt(piece, m.Offset+done); got < len(piece) {
			return short(err)
		}
		message = message[:len(message)+int(n)]
		if p.packs && p.pace.pays.Load() {
			whole := len(message)
			message = p.srv.codec.squeeze(message)
			p.pace.gained(whole, len(message))
		}
		if err := p.out.deliver(ctx, message, written); err != nil {
			return err
		}
		done += n
		p.srv.meter.content.Add(int64(n))
		p.visit.bytes.Add(n)
	}
	return nil
}

// myTurn waits until the city may be sent so much content. It hears when it begins to
// wait, and when that is over; else its heartbeats go on.
func (p *subscription) myTurn(ctx context.Context, n int64) error {
	waited := false
	for {
		wait := p.turn.ask(int(n))
		if waited == (wait == nil) {
			if err := p.tellLine(ctx, wait != nil); err != nil {
				return err
			}
		}
		if wait == nil {
			return nil
		}
		waited = true
		if err := p.turn.await(ctx, wait, time.Now().Add(p.every)); err != nil {
			return err
		}
	}
}

// tellLine is a heartbeat that claims nothing.
func (p *subscription) tellLine(ctx context.Context, inLine bool) error {
	p.mu.Lock()
	b := Beat{Position: p.told, InLine: inLine}
	p.mu.Unlock()
	m, err := p.srv.codec.pack(kindBeat, toBeat(b))
	if err != nil {
		return err
	}
	return p.out.send(ctx, m)
}

// within says whether a node is within reach; else it is as if it had gone.
func (t *tree) within(ctx context.Context, may reach, id journal.NodeID) error {
	if may.whole {
		return nil
	}
	path, err := t.Journal.Path(ctx, id)
	if errors.Is(err, journal.ErrNotFound) || err == nil && !may.has(path) {
		return ErrMoved
	}
	return err
}

// open finds content in the journal and opens it. What is asked for must be
// what the node has now, or the beginning of it: a growing file keeps its generation.
// Nothing that the peer says becomes a path.
func (t *tree) open(ctx context.Context, id journal.NodeID, digest journal.Digest, generation uint64, end int64) (Body, error) {
	st, err := t.Journal.Node(ctx, id)
	if errors.Is(err, journal.ErrNotFound) || err == nil && (st.Gone || st.Node.Kind != journal.File) {
		return nil, ErrMoved
	}
	if err != nil {
		return nil, err
	}
	now := st.Node.Body
	if now.Digest != digest && (generation == 0 || now.Generation != generation) || now.Size < end {
		return nil, ErrMoved
	}
	return t.Source.Open(ctx, st.Node)
}
