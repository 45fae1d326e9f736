package stream

import (
	"container/heap"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// shares divides what may be sent in a second among the connections that have
// something to send: each gets as many bytes as any other, and what one does not take is
// the others'. It is start-time fair queueing: the next piece is that of the
// connection that has had least, and who had nothing to send for a while has not saved up.
// Who is next is chosen when the limit has been paid for the piece before: by then its
// connection is back in line.
//
//	writer ──wait──▶ line, by what each has had ──limit──▶ socket
type shares struct {
	limit *rate.Limiter // of all together

	mu     sync.Mutex
	line   line
	paying bool  // for the piece that was let through last
	now    int64 // its start
}

// flow is one connection's account.
type flow struct{ finish int64 }

// piece is what waits: so many bytes of a connection.
type piece struct {
	start int64
	size  int
	turn  chan struct{} // closed when it may go
	at    int           // in the line; -1: not any more
}

// sharePiece is let through at once: little enough that many connections on a
// slow link all move, enough for a record of TLS.
const sharePiece = 20 << 10

// wait until the connection may send n bytes.
func (s *shares) wait(ctx context.Context, f *flow, n int) error {
	if s.limit.Limit() == rate.Inf {
		return nil
	}
	p := s.enter(f, n)
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		s.leave(p)
		return ctx.Err()
	}
}

func (s *shares) enter(f *flow, n int) *piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &piece{start: max(s.now, f.finish), size: n, turn: make(chan struct{})}
	f.finish = p.start + int64(n)
	heap.Push(&s.line, p)
	if !s.paying {
		s.callLocked()
	}
	return p
}

func (s *shares) leave(p *piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.at >= 0 {
		heap.Remove(&s.line, p.at)
	}
}

// paid lets the next go.
func (s *shares) paid() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callLocked()
}

// callLocked lets pieces go until one is to be paid for.
func (s *shares) callLocked() {
	for s.paying = false; len(s.line) > 0 && !s.paying; {
		p := heap.Pop(&s.line).(*piece)
		s.now = p.start
		close(p.turn)
		price := s.limit.ReserveN(time.Now(), p.size)
		if delay := price.Delay(); price.OK() && delay > 0 {
			s.paying = true
			time.AfterFunc(delay, s.paid)
		}
	}
}

// line is a heap of pieces, the one that starts first on top.
type line []*piece

func (l line) Len() int           { return len(l) }
func (l line) Less(i, j int) bool { return l[i].start < l[j].start }
func (l line) Swap(i, j int)      { l[i], l[j] = l[j], l[i]; l[i].at, l[j].at = i, j }

func (l *line) Push(x any) {
	p := x.(*piece)
	p.at = len(*l)
	*l = append(*l, p)
}

func (l *line) Pop() any {
	last := len(*l) - 1
	p := (*l)[last]
	p.at, (*l)[last] = -1, nil
	*l = (*l)[:last]
	return p
}

// sharedConn sends piece by piece, as its share comes. A write deadline is for each
// piece once it may go: waiting for the others is nobody's fault.
type sharedConn struct {
	net.Conn
	shares *shares
	flow   flow // of the writer, of whom there is one at a time
	life   context.Context
	end    context.CancelFunc
	within atomic.Int64 // ns that a write may take; 0: for ever
}

type sharedListener struct {
	net.Listener
	shares *shares
}

// Accept implements [net.Listener].
func (l sharedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	shared := &sharedConn{Conn: c, shares: l.shares}
	shared.life, shared.end = context.WithCancel(context.Background())
	return shared, nil
}

// NetConn lets the socket's options be reached.
func (c *sharedConn) NetConn() net.Conn { return c.Conn }

// Close ends who waits for its share, too.
func (c *sharedConn) Close() error {
	c.end()
	return c.Conn.Close()
}

// SetWriteDeadline implements [net.Conn].
func (c *sharedConn) SetWriteDeadline(t time.Time) error {
	c.keep(t)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements [net.Conn].
func (c *sharedConn) SetDeadline(t time.Time) error {
	c.keep(t)
	return c.Conn.SetDeadline(t)
}

func (c *sharedConn) keep(t time.Time) {
	if t.IsZero() {
		c.within.Store(0)
		return
	}
	c.within.Store(max(1, int64(time.Until(t))))
}

// Write implements [net.Conn].
func (c *sharedConn) Write(p []byte) (done int, err error) {
	for done < len(p) {
		part := p[done:min(len(p), done+sharePiece)]
		if err := c.shares.wait(c.life, &c.flow, len(part)); err != nil {
			return done, net.ErrClosed
		}
		if within := c.within.Load(); within > 0 {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(time.Duration(within))); err != nil {
				return done, err
			}
		}
		n, err := c.Conn.Write(part)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}
