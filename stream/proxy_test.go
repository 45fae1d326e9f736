package stream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hydrasync/hydrasync/stream"
)

// fakeProxy lets through, by one protocol, who says me and guess, and counts. Names are its own
// to look up: they all lead to one address.
type fakeProxy struct {
	t      *testing.T
	ln     net.Listener
	to     string
	tunnel atomic.Int32
	asked  atomic.Value // the address
}

func newFakeProxy(t *testing.T, to string, greet func(p *fakeProxy, in *bufio.Reader, c net.Conn) bool) *fakeProxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProxy{t: t, ln: ln, to: to}
	var all sync.WaitGroup
	t.Cleanup(func() { ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c, greet) })
		}
	})
	return p
}

func (p *fakeProxy) serve(c net.Conn, greet func(*fakeProxy, *bufio.Reader, net.Conn) bool) {
	defer c.Close()
	in := bufio.NewReader(c)
	if !greet(p, in, c) {
		return
	}
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	p.tunnel.Add(1)
	var both sync.WaitGroup
	both.Go(func() { io.Copy(far, in); far.(*net.TCPConn).CloseWrite() })
	io.Copy(c, far)
	c.Close()
	both.Wait()
}

func greetHTTP(p *fakeProxy, in *bufio.Reader, c net.Conn) bool {
	r, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	p.asked.Store(r.Host)
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if user, password, _ := r.BasicAuth(); r.Method != http.MethodConnect || user != "me" || password != "guess" {
		fmt.Fprint(c, "HTTP/1.1 407\r\n\r\n") // without a phrase
		return false
	}
	_, err = fmt.Fprint(c, "HTTP/1.1 200 go on\r\n\r\n")
	return err == nil
}

func greetSOCKS(p *fakeProxy, in *bufio.Reader, c net.Conn) bool {
	read := func(n byte) []byte { b := make([]byte, n); io.ReadFull(in, b); return b }
	if !strings.Contains(string(read(read(2)[1])), "\x02") {
		c.Write([]byte{5, 0xff})
		return false
	}
	c.Write([]byte{5, 2})
	user := string(read(read(2)[1]))
	password := string(read(read(1)[0]))
	if user != "me" || password != "guess" {
		c.Write([]byte{1, 1})
		return false
	}
	c.Write([]byte{1, 0})
	if kind := read(4)[3]; kind != 3 { // a name
		return false
	}
	name, port := string(read(read(1)[0])), read(2)
	p.asked.Store(fmt.Sprintf("%s:%d", name, int(port[0])<<8|int(port[1])))
	_, err := c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return err == nil
}

func TestACityGoesByAProxyThatKnowsIt(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "secret" }) // without one it is loopback's alone
	c.write("f", []byte("x"))
	for scheme, greet := range map[string]func(*fakeProxy, *bufio.Reader, net.Conn) bool{"http": greetHTTP, "socks5": greetSOCKS} {
		p := newFakeProxy(t, c.addr, greet)
		by := func(user string, heard chan error) func(*stream.ClientConfig) {
			return func(cfg *stream.ClientConfig) {
				var err error
				if cfg.Proxy, err = stream.ParseProxy(scheme + "://" + user + p.ln.Addr().String()); err != nil {
					t.Fatal(err)
				}
				cfg.Insecure, cfg.Token = true, "secret"
				cfg.OnState = func(s stream.State) {
					if s.Phase == stream.Waiting && s.Err != nil {
						select {
						case heard <- s.Err:
						default:
						}
					}
				}
			}
		}
		// The capitol's name is the proxy's to look up.
		m := newCity(t, "ws://capitol.example:49996/src", by("me:guess@", make(chan error, 1)))
		stop := m.run()
		m.inStep(c)
		stop()
		if got := p.asked.Load(); got != "capitol.example:49996" || p.tunnel.Load() != 1 {
			t.Errorf("%s: asked for %v, %d tunnels", scheme, got, p.tunnel.Load())
		}
		for _, user := range []string{"", "me:wrongpass@"} {
			heard := make(chan error, 1)
			m := newCity(t, "ws://capitol.example:49996/src", by(user, heard))
			stop := m.run()
			err := <-heard
			stop()
			if text := err.Error(); !strings.Contains(text, "proxy "+p.ln.Addr().String()+": ") || strings.Contains(text, "wrongpass") || p.tunnel.Load() != 1 {
				t.Errorf("%s as %q: %v", scheme, user, err)
			}
		}
	}
}

func TestWhatIsNoProxy(t *testing.T) {
	for _, text := range []string{"proxy:3128", "ftp://me:guess@proxy:21", "http://me:guess@", "http://me:guess@proxy", "http://me:gu ess@pr oxy:1%", "socks5://me:guess@proxy:1/x"} {
		if _, err := stream.ParseProxy(text); err == nil || strings.Contains(err.Error(), "gu") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if p, err := stream.ParseProxy("none"); p != nil || err != nil {
		t.Error("none is a proxy", err)
	}
}

// The name is looked up, and all its addresses are tried, at every attempt: nothing is kept of it.
func TestTheNameIsDialledAtEveryAttempt(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "secret" }) // without one it is loopback's alone
	c.write("f", []byte("x"))
	var dials atomic.Int32
	m := newCity(t, "ws://capitol.example:49996/src", func(cfg *stream.ClientConfig) {
		cfg.Insecure, cfg.Token = true, "secret"
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if network != "tcp" || addr != "capitol.example:49996" {
				t.Errorf("dials %s %s", network, addr)
			}
			if dials.Add(1) < 4 {
				return nil, errors.New("nobody there")
			}
			return new(net.Dialer).DialContext(ctx, network, c.addr)
		}
	})
	m.run()
	m.inStep(c)
	if dials.Load() < 4 {
		t.Errorf("%d dials", dials.Load())
	}
}
