package trials

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between city and capitol, counts what the capitol sends, and cuts.
type proxy struct {
	l    net.Listener
	to   string
	down atomic.Int64 // bytes from the capitol to the city

	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to}
	go p.accept()
	t.Cleanup(func() { l.Close(); p.cut() })
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) accept() {
	for {
		city, err := p.l.Accept()
		if err != nil {
			return
		}
		capitol, err := net.Dial("tcp", p.to)
		if err != nil {
			city.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, city, capitol)
		p.mu.Unlock()
		go p.pipe(capitol, city, nil)
		go p.pipe(city, capitol, &p.down)
	}
}

func (p *proxy) pipe(to, from net.Conn, count *atomic.Int64) {
	var w io.Writer = to
	if count != nil {
		w = counter{to, count}
	}
	io.Copy(w, from)
	to.Close()
	from.Close()
}

type counter struct {
	net.Conn
	n *atomic.Int64
}

func (c counter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// cut resets every connection there is.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
	p.conns = nil
}
