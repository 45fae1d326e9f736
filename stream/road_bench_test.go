package stream_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

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
