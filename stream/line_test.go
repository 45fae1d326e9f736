package stream_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/stream"
)

// inLine says how many cities stand in line, as the capitol tells.
func (c *capitol) inLine() (n int) {
	for _, one := range c.server.Cities() {
		if one.InLine {
			n++
		}
	}
	return n
}

// slowCity is brought up to date when the test lets it.
func slowCity(t *testing.T, url string) (m *city, begun, goOn chan struct{}) {
	m, begun, goOn = newCity(t, url), make(chan struct{}), make(chan struct{})
	first := true
	m.hook = func(b stream.Batch) error {
		if first {
			first = false
			close(begun)
			select {
			case <-goOn:
			case <-t.Context().Done(): // the test has failed
			}
		}
		return nil
	}
	return m, begun, goOn
}

func TestCitiesAreBroughtUpToDateOneAfterTheOther(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Turns = 1 })
	c.write("f", []byte("some"))
	follows := newCity(t, c.url)
	follows.run()
	follows.inStep(c)
	slow, begun, goOn := slowCity(t, c.url)
	slow.run()
	<-begun
	c.await("the first to have its turn", func() bool { return c.inLine() == 0 })
	next := newCity(t, c.url)
	next.run()
	c.await("the second to wait", func() bool { return c.inLine() == 1 && next.client.State().InLine })
	c.write("g", []byte("live"))
	follows.inStep(c) // it does not wait
	next.mu.Lock()
	n := len(next.batches)
	next.mu.Unlock()
	if n > 0 || !next.client.State().InLine {
		t.Errorf("%d batches without a turn", n)
	}
	close(goOn)
	slow.inStep(c)
	next.inStep(c)
	c.await("nobody to wait", func() bool { return c.inLine() == 0 && !next.client.State().InLine })
}

func TestWhoIsCutGivesUpItsTurn(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Turns, cfg.TurnStall = 1, time.Hour })
	c.write("f", []byte("some"))
	slow, begun, goOn := slowCity(t, c.url)
	var mu sync.Mutex
	var all []net.Conn
	slow.connectTo(c.url, func(cfg *stream.ClientConfig) {
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, conn)
			return conn, err
		}
	})
	slow.run()
	<-begun
	next := newCity(t, c.url)
	next.run()
	c.await("the second to wait", func() bool { return c.inLine() == 1 })
	mu.Lock()
	for _, conn := range all {
		conn.Close()
	}
	mu.Unlock()
	next.inStep(c)
	close(goOn)
	slow.inStep(c)
}

func TestWhoStandsStillGivesUpItsTurn(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Turns, cfg.TurnStall = 1, 100*time.Millisecond })
	c.write("f", []byte("some"))
	slow, begun, goOn := slowCity(t, c.url)
	stop := slow.run()
	<-begun
	next := newCity(t, c.url)
	next.run()
	next.inStep(c)
	close(goOn)
	slow.inStep(c)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Who follows waits for a turn too when a large content comes, and gets it in the end.
func TestLargeContentsWaitTheirTurn(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Turns = 1 })
	c.write("f", []byte("some"))
	c.trust = true
	var all []*city
	for range 3 {
		m := newCity(t, c.url)
		m.run()
		m.inStep(c)
		all = append(all, m)
	}
	slow, begun, goOn := slowCity(t, c.url)
	slow.run()
	<-begun
	c.write("large", filled(10<<20, 1))
	c.await("the others to wait", func() bool { return c.inLine() == 3 })
	close(goOn)
	for _, m := range append(all, slow) {
		m.inStep(c)
	}
	c.await("nobody to wait", func() bool { return c.inLine() == 0 })
}

// Two cities share what the capitol may send, and one that does not read takes nothing from them.
func TestCitiesShareTheCapitolsLimit(t *testing.T) {
	limit := rate.NewLimiter(rate.Inf, 64<<10)
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Limit = limit })
	c.trust = true
	c.write("f", []byte("some"))
	var all []*city
	var got [2]atomic.Int64
	for i := range 2 {
		m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
			cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &countedConn{conn, &got[i]}, err
			}
		})
		m.run()
		m.inStep(c)
		all = append(all, m)
	}
	deaf, begun, goOn := slowCity(t, c.url)
	deaf.run()
	<-begun
	limit.SetLimit(8 << 20)
	before := [2]int64{got[0].Load(), got[1].Load()}
	c.write("large", filled(8<<20, 1))
	head := c.j.Position()
	var first int
	c.await("one of them to have it", func() bool {
		for i, m := range all {
			m.mu.Lock()
			done := m.pos == head
			m.mu.Unlock()
			if done {
				first = i
				return true
			}
		}
		return false
	})
	if other := got[1-first].Load() - before[1-first]; other < 4<<20 {
		t.Errorf("the other got %d bytes meanwhile, of %d", other, 8<<20)
	}
	for _, m := range all {
		m.inStep(c)
	}
	limit.SetLimit(rate.Inf)
	close(goOn)
	deaf.inStep(c)
}

type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}
