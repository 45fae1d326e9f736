package stream_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// nod is a subscriber that only confirms.
type nod struct {
	mu      sync.Mutex
	pos     journal.Position
	at      time.Time
	entries int
	reached chan journal.Seq
}

func newNod() *nod { return &nod{reached: make(chan journal.Seq, 1<<10)} }

func (n *nod) Position(context.Context) (journal.Position, bool, error) { return n.pos, false, nil }
func (n *nod) Begin(context.Context, stream.Welcome) error              { return nil }
func (n *nod) Heartbeat(context.Context, stream.Beat) error             { return nil }

func (n *nod) Late() <-chan struct{} { return nil }

func (n *nod) Prepare(_ context.Context, b stream.Batch) stream.Work {
	return stream.Undivided(func(ctx context.Context) (journal.Position, error) { return b.Position, n.Apply(ctx, b) })
}

func (n *nod) Apply(_ context.Context, b stream.Batch) error {
	n.mu.Lock()
	n.entries += len(b.Entries)
	if !b.Position.IsZero() {
		n.pos, n.at = b.Position, time.Now()
	}
	n.mu.Unlock()
	if !b.Position.IsZero() {
		n.reached <- b.Position.Seq
	}
	return nil
}

func (n *nod) wait(seq journal.Seq) {
	for got := range n.reached {
		if got >= seq {
			return
		}
	}
}

func runNod(b *testing.B, c *capitol, heartbeat time.Duration) (*nod, *stream.Client) {
	b.Helper()
	n := newNod()
	client, err := stream.NewClient(stream.ClientConfig{URL: c.url, Heartbeat: heartbeat})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = client.Run(ctx, n) }()
	b.Cleanup(func() { cancel(); <-done })
	return n, client
}

// BenchmarkFirstCopy sends a tree of small files over loopback to a city that
// only confirms.
func BenchmarkFirstCopy(b *testing.B) {
	c := newCapitol(b)
	const files, size = 5000, 8 << 10
	c.trust = true
	var changes []journal.Change
	for i := range files {
		changes = append(changes, c.change(fmt.Sprint("f", i), filled(size, byte(i))))
	}
	head := c.append(changes...)
	b.SetBytes(files * size)
	b.ReportAllocs()
	for b.Loop() {
		n, _ := runNod(b, c, time.Second)
		n.wait(head.Seq)
	}
	b.ReportMetric(float64(files*b.N)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkFetch reads one large file over loopback.
func BenchmarkFetch(b *testing.B) {
	c := newCapitol(b)
	c.trust = true
	const size = 64 << 20
	file := c.write("big", filled(size, 1))
	n, client := runNod(b, c, time.Second)
	n.wait(c.j.Position().Seq)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Fetch(context.Background(), file, 0, size, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLiveChange is one change, from Append to a city's Apply.
func BenchmarkLiveChange(b *testing.B) {
	c := newCapitol(b)
	c.write("f", []byte("x"))
	n, _ := runNod(b, c, 15*time.Second)
	n.wait(c.j.Position().Seq)
	i := 0
	var lag []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		i++
		c.write("f", filled(1000, byte(i)))
		began := time.Now()
		n.wait(c.j.Position().Seq)
		lag = append(lag, time.Since(began))
	}
	slices.Sort(lag)
	b.ReportMetric(float64(lag[len(lag)/2].Microseconds()), "µs-after-commit")
}

// BenchmarkIdleCity measures what a connected city costs the capitol: the
// other ends are sockets with nothing behind them.
func BenchmarkIdleCity(b *testing.B) {
	const cities = 500
	c := newCapitol(b, func(cfg *stream.ServerConfig) { cfg.Heartbeat = time.Minute; cfg.Strangers = cities })
	c.write("f", []byte("x"))
	d := websocket.Dialer{Subprotocols: []string{stream.Subprotocol}, ReadBufferSize: 256, WriteBufferSize: 256}
	v := hello()
	v[9] = 60000
	var held []*websocket.Conn
	for b.Loop() {
		before := memory()
		for range cities {
			ws, _, err := d.Dial("ws://"+c.addr+"/v1/trees/src/stream", nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := ws.WriteMessage(websocket.BinaryMessage, frame(b, 1, v)); err != nil {
				b.Fatal(err)
			}
			r := &rawCity{b, ws}
			if r.until(20) == nil {
				b.Fatal("no heartbeat")
			}
			held = append(held, ws)
		}
		b.ReportMetric(float64(memory()-before)/cities/1024, "KiB/city")
	}
	for _, ws := range held {
		ws.Close()
	}
}

func memory() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc + s.StackInuse)
}

// BenchmarkFanOut is one change on its way to many cities.
func BenchmarkFanOut(b *testing.B) {
	const cities = 1000
	c := newCapitol(b, func(cfg *stream.ServerConfig) { cfg.Heartbeat = time.Minute; cfg.Strangers = cities })
	c.write("f", []byte("x"))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all []*nod
	for range cities {
		n, _ := runNod(b, c, time.Minute)
		all = append(all, n)
	}
	for _, n := range all {
		n.wait(c.j.Position().Seq)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	i := 0
	var worst []time.Duration
	for b.Loop() {
		i++
		c.write("f", filled(16<<10, byte(i)))
		began := time.Now()
		var lag []time.Duration
		for _, n := range all {
			n.wait(c.j.Position().Seq)
			n.mu.Lock()
			lag = append(lag, n.at.Sub(began))
			n.mu.Unlock()
		}
		slices.Sort(lag)
		worst = append(worst, lag[len(lag)*99/100])
	}
	slices.Sort(worst)
	b.ReportMetric(float64(worst[len(worst)/2].Milliseconds()), "ms-p99")
	grown := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)
	b.ReportMetric(float64(grown)/cities/1024, "KiB/city-both-ends")
}
