package sim

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

var errReset = errors.New("connection reset")

// pipe is one direction of a connection: what was written and has not arrived.
type pipe struct {
	mu      sync.Mutex
	sent    [][]byte // on its way
	arrived []byte
	err     error // what a reader gets when arrived is empty
	lost    bool  // swallows what it is given
	wake    chan struct{}
	until   time.Time // the reader's deadline
}

func newPipe() *pipe { return &pipe{wake: make(chan struct{})} }

func (p *pipe) stirLocked() {
	close(p.wake)
	p.wake = make(chan struct{})
}

// deliver lets the oldest message arrive, or its beginning.
func (p *pipe) deliver(all bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		return 0
	}
	m := p.sent[0]
	if n = len(m); !all && n > 1 {
		n /= 2
		p.sent[0] = m[n:]
	} else {
		p.sent = p.sent[1:]
	}
	if !p.lost {
		p.arrived = append(p.arrived, m[:n]...)
		p.stirLocked()
	}
	return n
}

func (p *pipe) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		p.stirLocked()
	}
}

func (p *pipe) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
}

func (p *pipe) waits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

func (p *pipe) read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		n := copy(b, p.arrived)
		p.arrived = p.arrived[n:]
		err, wake, until := p.err, p.wake, p.until
		p.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case err != nil:
			return 0, err
		case !until.IsZero() && !time.Now().Before(until):
			return 0, os.ErrDeadlineExceeded
		}
		if until.IsZero() {
			<-wake
			continue
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// link is a connection, seen from one end.
type link struct {
	*road
	in, out *pipe
}

// road is a connection between two.
type road struct {
	world *world
	name  string
	up    *pipe // city to capitol
	down  *pipe
}

func (l *link) Read(b []byte) (int, error) { return l.in.read(b) }

func (l *link) Write(b []byte) (int, error) {
	l.out.mu.Lock()
	err := l.out.err
	if err == nil {
		l.out.sent = append(l.out.sent, append([]byte(nil), b...))
	}
	l.out.mu.Unlock()
	if err != nil {
		return 0, errReset
	}
	if l.world.isCalm() {
		for l.out.deliver(true) > 0 {
		}
	}
	return len(b), nil
}

func (l *link) Close() error {
	l.cut()
	return nil
}

// cut ends both directions for both ends; what had arrived can be read.
func (r *road) cut() {
	r.up.end(errReset)
	r.down.end(errReset)
}

func (l *link) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

func (l *link) SetReadDeadline(t time.Time) error {
	l.in.mu.Lock()
	defer l.in.mu.Unlock()
	l.in.until = t
	l.in.stirLocked()
	return nil
}

func (l *link) SetWriteDeadline(time.Time) error { return nil }
func (l *link) LocalAddr() net.Addr              { return addr{} }
func (l *link) RemoteAddr() net.Addr             { return addr{} }

type addr struct{}

func (addr) Network() string { return "tcp" }
func (addr) String() string  { return "127.0.0.1:1" }

// port is where a server listens; it may be shut.
type port struct {
	arrived chan net.Conn
	shut    chan struct{}
	once    sync.Once
}

func newPort() *port { return &port{arrived: make(chan net.Conn), shut: make(chan struct{})} }

func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.arrived:
		return c, nil
	case <-p.shut:
		return nil, net.ErrClosed
	}
}

func (p *port) Close() error {
	p.once.Do(func() { close(p.shut) })
	return nil
}

func (p *port) Addr() net.Addr { return addr{} }

// dialPause is how long an attempt takes, the first; each one that comes to nothing
// takes twice as long, up to dialMost. The dice are not in it, as they are in the
// product's own pauses, which are none here.
const (
	dialPause = 50 * time.Millisecond
	dialMost  = 5 * time.Second
)

// dial connects to whoever listens at an address now.
func (w *world) dial(ctx context.Context, from, to string, tries int) (net.Conn, error) {
	select {
	case <-time.After(min(dialPause<<min(tries, 20), dialMost)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	p := w.ports[to]
	w.dialled++
	r := &road{world: w, name: from + ">" + to, up: newPipe(), down: newPipe()}
	w.mu.Unlock()
	if p == nil {
		return nil, errReset
	}
	select {
	case p.arrived <- &link{r, r.up, r.down}:
	case <-p.shut:
		return nil, errReset
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	w.roads = append(w.roads, r)
	w.mu.Unlock()
	return &link{r, r.down, r.up}, nil
}
