package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// fault is what happens to one connection.
type fault struct {
	readCut  int64         // after so many bytes from the capitol …
	writeCut int64         // … or so many to it; -1: never
	how      string        // "close", "reset", "half" (only our sending side ends), "stall" (silence, nothing ends), "deaf" (nothing arrives any more, all is sent), "mute" (the reverse)
	rate     int           // bytes a read may return; 0: any
	pause    time.Duration // before each read
}

var healthy = fault{readCut: -1, writeCut: -1}

// faultyConn makes one fault come true.
type faultyConn struct {
	net.Conn
	fault
	dead chan struct{}
	once sync.Once

	mu         sync.Mutex // guards what follows, and the cuts
	deaf, mute bool
}

var errCut = errors.New("cut by the test")

func newFaulty(c net.Conn, f fault) *faultyConn {
	return &faultyConn{Conn: c, fault: f, dead: make(chan struct{})}
}

// budget takes n bytes from left, and says how many of them may pass.
func (c *faultyConn) budget(left *int64, n int) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *left < 0 {
		return n, true
	}
	pass := int(min(int64(n), *left))
	*left -= int64(pass)
	return pass, pass == n && (n == 0 || *left > 0)
}

func (c *faultyConn) strike() error {
	switch tcp, _ := c.Conn.(*net.TCPConn); c.how {
	case "reset":
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	case "half":
		_ = tcp.CloseWrite()
	case "stall", "deaf", "mute":
		c.mu.Lock()
		c.deaf, c.mute = c.how != "mute", c.how != "deaf"
		c.mu.Unlock()
	default:
		_ = c.Conn.Close()
	}
	return errCut
}

func (c *faultyConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	deaf := c.deaf
	c.mu.Unlock()
	if deaf {
		return c.silence(p)
	}
	if c.rate > 0 {
		p = p[:min(len(p), c.rate)]
	}
	if c.pause > 0 {
		select {
		case <-time.After(c.pause):
		case <-c.dead:
		}
	}
	n, err := c.Conn.Read(p)
	pass, whole := c.budget(&c.readCut, n)
	if !whole {
		err = c.strike()
		if c.how != "close" && c.how != "reset" {
			err = nil
		}
		if c.how == "mute" {
			c.readCut, pass = -1, n
		}
	}
	return pass, err
}

// silence reads and drops, so that only deadlines can end it.
func (c *faultyConn) silence(p []byte) (int, error) {
	for {
		if _, err := c.Conn.Read(p); err != nil {
			return 0, err
		}
	}
}

func (c *faultyConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	mute := c.mute
	c.mu.Unlock()
	if mute {
		return len(p), nil
	}
	pass, whole := c.budget(&c.writeCut, len(p))
	n, err := c.Conn.Write(p[:pass])
	if !whole && err == nil {
		err = c.strike()
	}
	return n, err
}

func (c *faultyConn) Close() error {
	c.once.Do(func() { close(c.dead) })
	return c.Conn.Close()
}

// faults gives each connection the next fault; when they run out, none.
type faults struct {
	mu    sync.Mutex
	next  func(attempt int) fault
	count int
}

func (f *faults) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return newFaulty(c, f.next(f.count)), nil
}

func (f *faults) use(cfg *stream.ClientConfig) { cfg.Dial = f.dial }

// once hurts the first connection only.
func once(f fault) *faults {
	return &faults{next: func(attempt int) fault {
		if attempt == 1 {
			return f
		}
		return healthy
	}}
}

func TestAConnectionThatIsCutAnywhereLosesNothing(t *testing.T) {
	c := newCapitol(t)
	c.mkdir("d")
	for i := range 30 {
		c.write(fmt.Sprint("d/f", i), filled(300*i, byte(i)))
	}
	c.write("big", filled(700<<10, 9))
	step := int64(9973)
	if testing.Short() {
		step *= 10
	}
	for _, how := range []string{"close", "reset", "half"} {
		for k := int64(0); k < 800<<10; k += step {
			cut := fault{readCut: k, writeCut: -1, how: how}
			t.Run(fmt.Sprintf("%s after %d bytes", how, k), func(t *testing.T) { converges(t, c, once(cut)) })
			step += step / 8
		}
		step = 9973
	}
	for k := int64(0); k < 340; k += 17 {
		cut := fault{readCut: -1, writeCut: k, how: "close"}
		t.Run(fmt.Sprintf("sending cut after %d bytes", k), func(t *testing.T) { converges(t, c, once(cut)) })
	}
}

func converges(t *testing.T, c *capitol, f *faults) {
	t.Helper()
	m := newCity(t, c.url, f.use)
	stop := m.run()
	m.inStep(c)
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if f.count != 2 {
		t.Errorf("connections: got %d, want 2: the cut did not happen", f.count)
	}
}

func TestALinkThatBreaksAgainAndAgainGetsThereWhileTheTreeChanges(t *testing.T) {
	c := newCapitol(t)
	for i := range 20 {
		c.write(fmt.Sprint("f", i), filled(2000, byte(i)))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	hurt := 25
	f := &faults{next: func(attempt int) fault {
		if attempt > hurt {
			return healthy
		}
		hows := []string{"close", "reset", "half", "close"}
		return fault{readCut: 300 + rnd.Int64N(60<<10), writeCut: -1, how: hows[rnd.IntN(len(hows))]}
	}}
	m := newCity(t, c.url, f.use)
	m.run()
	log := []byte("begin\n")
	for i := range 200 {
		log = append(log[:len(log):len(log)], fmt.Sprintln("line", i)...)
		c.write("log", log)
		c.write(fmt.Sprint("f", i%20), filled(3000, byte(i)))
		if i%40 == 0 {
			c.remove(fmt.Sprint("f", i%20))
		}
	}
	m.inStep(c)
}

func TestASilentLinkIsNoticed(t *testing.T) {
	c := newCapitol(t)
	c.write("f", filled(50<<10, 1))
	for _, how := range []string{"stall", "deaf", "mute"} {
		t.Run(how, func(t *testing.T) {
			f := once(fault{readCut: 5000, writeCut: -1, how: how})
			m := newCity(t, c.url, f.use)
			m.run()
			m.inStep(c)
			m.await("a second connection", func() bool { return len(m.modes) == 2 })
		})
	}
}

func TestAThrottledLinkIsSlowButHeld(t *testing.T) {
	c := newCapitol(t)
	c.write("f", filled(60<<10, 1))
	f := once(fault{readCut: -1, writeCut: -1, rate: 1 << 10, pause: 10 * time.Millisecond})
	m := newCity(t, c.url, f.use)
	m.run()
	m.inStep(c)
	if f.count != 1 {
		t.Errorf("connections: got %d, want 1: slow is not dead", f.count)
	}
}

func TestASlowDiskDoesNotHoldContentBack(t *testing.T) {
	// The batches fill the window while the first of them waits for large
	// content: without flow control its frames would be stuck behind batches.
	c := newCapitol(t)
	c.trust = true
	big := c.write("big", filled(5<<20, 1))
	for i := range 150 {
		c.write(fmt.Sprint("f", i), filled(60<<10, byte(i)))
	}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Window = stream.MinWindow })
	first := true
	m.hook = func(stream.Batch) error {
		for i := 0; first && i < 30; i++ { // far longer than the capitol needs to send all batches
			if err := m.client.Fetch(context.Background(), big, 0, big.Body.Size, io.Discard); err != nil {
				return err
			}
		}
		first = false
		return nil
	}
	m.run()
	m.inStep(c)
	if len(m.modes) != 1 {
		t.Errorf("it took %d connections", len(m.modes))
	}
}
