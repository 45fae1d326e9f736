package highways

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// tap passes a connection on and keeps what the caller sent. It can lose answers.
type tap struct {
	ln   net.Listener
	to   string
	lose atomic.Int64 // of so many connections: what comes back once more than a ClientHello was said

	mu   sync.Mutex
	sent []*bytes.Buffer
}

func newTap(t *testing.T, to string) *tap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{ln: ln, to: to}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go p.pass(in)
		}
	}()
	return p
}

func (p *tap) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	kept := &bytes.Buffer{}
	p.mu.Lock()
	p.sent = append(p.sent, kept)
	p.mu.Unlock()
	lossy := p.lose.Add(-1) >= 0
	var said atomic.Int64 // by the caller
	go func() {
		defer in.Close() // not before the capitol has done what it was asked for
		b := make([]byte, 32<<10)
		for {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			if !lossy || said.Load() == 1 {
				_, _ = in.Write(b[:n]) // a caller that has gone is noticed when it is read
			}
		}
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := in.Read(b)
		p.mu.Lock()
		kept.Write(b[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
		said.Add(1)
		if _, err := out.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *tap) recorded() (all [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.sent {
		all = append(all, bytes.Clone(b.Bytes()))
	}
	return all
}

// What a city has sent, its join and its hello, is of no use to who sends it again.
func TestAReplayedHelloIsRefused(t *testing.T) {
	l := newLand(t)
	p := newTap(t, l.url)
	dst := filepath.Join(l.dir, "dst")
	city := stand.Start(t, "join", l.invite("a", "--address", p.ln.Addr().String()), "--to", dst)
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	recorded := p.recorded()
	if len(recorded) < 2 {
		t.Fatalf("%d connections were recorded", len(recorded))
	}
	joined := strings.Count(l.capitol.Printed(), `"message":"city joined"`)
	for _, bytes := range recorded {
		before := strings.Count(l.capitol.Printed(), `"message":"refused"`)
		conn, err := net.Dial("tcp", l.url)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(stand.Patience))
		_, _ = conn.Write(bytes) // the capitol may close before it has all
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		l.capitol.SaysTimes(t, `"message":"refused"`, before+1)
	}
	if now := strings.Count(l.capitol.Printed(), `"message":"city joined"`); now != joined {
		t.Errorf("somebody joined by a replay:\n%s", l.capitol.Printed())
	}
	for i, b := range recorded {
		if secret, err := os.ReadFile(filepath.Join(dst, ".hydrasync", "credential")); err != nil || bytes.Contains(b, bytes.TrimSpace(secret)) {
			t.Errorf("connection %d carried the credential in the clear (%v)", i, err)
		}
	}
}
