package stream

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hydrasync/hydrasync/journal"
)

// writeBuffer is enough for a small message to leave in one system call.
const writeBuffer = 4 << 10

// hijacker hands gorilla our own connection, whose deadlines are for progress.
type hijacker struct {
	http.ResponseWriter
	live *liveConn
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.live = newLive(context.Background(), c, nil) // without a limit nothing waits
	return h.live, rw, nil
}

// stream is GET /v1/trees/NAME/stream.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	t, may, ok := s.named(w, r)
	if !ok {
		return
	}
	switch {
	case len(r.Header.Values("Origin")) > 0:
		refuse(w, http.StatusForbidden, "browsers are not served here", "a city sends no Origin header")
		return
	case !websocket.IsWebSocketUpgrade(r):
		refuse(w, http.StatusUpgradeRequired, "this is a websocket", "for people: GET /v1/trees/"+Display(t.Name)+"/events?follow=1")
		return
	case !slices.Contains(websocket.Subprotocols(r), Subprotocol):
		refuse(w, http.StatusBadRequest, "no subprotocol in common: this capitol speaks "+Subprotocol, "use the same major version on both ends")
		return
	}
	h := &hijacker{ResponseWriter: w}
	up := websocket.Upgrader{HandshakeTimeout: handshakeTime, ReadBufferSize: 1 << 10, WriteBufferSize: writeBuffer,
		WriteBufferPool: &s.buffers, Subprotocols: []string{Subprotocol},
		CheckOrigin: func(*http.Request) bool { return true }} // refused above
	ws, err := up.Upgrade(h, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	conn := newConn(ws, h.live, MaxClientFrame)
	pass, from, secure := passOf(r.Context()), s.guard.remote(r), r.TLS != nil || s.cfg.Proxy
	done := s.linger(t)
	after(r.Context(), func(ctx context.Context) {
		defer done()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(t.life, cancel)()
		sub := newSubscription(s, t, conn)
		sub.pass, sub.may, sub.visit.Remote = pass, may, from
		sub.visit.TLS = secure
		err := sub.run(ctx)
		s.cfg.Log.Debug().Err(err).Str("tree", Display(t.Name)).Str("city", Display(sub.hello.City)).Msg("city left")
	})
}

// subscription is one city's connection, seen from the capitol. Three
// goroutines serve it: reader, writer and feeder, and a few more while content
// is asked for.
type subscription struct {
	terms
	standing
	srv   *Server
	tree  *tree
	conn  *conn
	pass  *Pass
	may   reach // what the pass gives of the tree
	share *share
	out   *outbox
	wants wants
	flow  window
	pace  *pace
	turn  *turn
	visit Visit
}

func newSubscription(s *Server, t *tree, c *conn) *subscription {
	return &subscription{srv: s, tree: t, conn: c, standing: standing{joined: time.Now()}, out: newOutbox(),
		pace: newPace(onThisMachine(c.ws.RemoteAddr()))}
}

// run serves the city until either end gives up. It closes the connection and
// waits for what it started.
func (p *subscription) run(life context.Context) (err error) {
	ctx, cancel := context.WithCancel(life)
	defer p.conn.close()
	defer cancel()
	stopClosing := context.AfterFunc(ctx, p.conn.close)
	defer stopClosing()
	var first error
	var once sync.Once
	quit := func(err error) { once.Do(func() { first = err; p.confess(err); cancel() }) }
	defer p.pass.whenOver(func() { quit(errOver) })()

	if err := p.shakeHands(ctx); err != nil {
		p.turnedAway(err)
		return err
	}
	p.share = p.tree.join(p.hello.SubDirs)
	defer p.tree.leave(p.share)
	p.arrive()
	defer func() {
		if life.Err() != nil {
			err = nil // whatever broke because this end stops
		}
		p.depart(err)
	}()
	p.turn = p.srv.turns.join(p.goal, p.mode == Resume, p.conn.live.lastMoved)
	defer p.turn.give()
	p.srv.enter(p)
	defer p.srv.exit(p)
	p.conn.arm(3 * p.every)

	var running sync.WaitGroup
	work := func(do func(context.Context) error) { quit(do(ctx)) }
	running.Go(func() { work(func(ctx context.Context) error { return p.out.run(ctx, p.conn, p.pace) }) })
	running.Go(func() { work(p.feed) })
	work(p.listen)
	running.Wait()
	p.wants.wait()
	return first
}

// confess tells the city why the connection ends, if it can still hear it.
func (p *subscription) confess(err error) {
	f := fault{Code: CodeInternal, Text: "internal error"}
	var own *ownFault
	var compacted *journal.CompactedError
	switch {
	case errors.As(err, &own):
		f = own.fault
	case errors.Is(err, ErrProtocol):
		f = fault{Code: CodeProtocol, Text: err.Error()}
	case errors.As(err, &compacted), errors.Is(err, journal.ErrOtherEpoch):
		f = fault{Code: CodeStale, Text: err.Error()}
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, errSocket):
		return
	default:
		p.srv.cfg.Log.Error().Err(err).Str("tree", Display(p.tree.Name)).Str("city", Display(p.hello.City)).Msg("stream failed")
	}
	message, err := p.srv.codec.pack(kindError, toFault(f))
	if err != nil {
		return
	}
	_ = p.conn.last(message)
}

// ownFault is an error with the words for the peer.
type ownFault struct{ fault }

func (e *ownFault) Error() string { return e.Text }
