package stream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// road is a link with a bandwidth, in bytes a second each way, and a delay one way.
type road struct {
	rate  float64
	delay time.Duration
}

// packet is what the road carries at a time; a queue of them is its length.
const packet = 8 << 10

// to listens where the road begins; it leads to addr.
func (r road) to(t testing.TB, addr string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { ln.Close(); running.Wait() })
	running.Go(func() {
		for {
			here, err := ln.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", addr)
			if err != nil {
				here.Close()
				continue
			}
			running.Go(func() { r.carry(here, there) })
			running.Go(func() { r.carry(there, here) })
		}
	})
	return ln.Addr().String()
}

// oversleep is made up for: a busy machine wakes nobody in time.
const oversleep = 20 * time.Millisecond

type carried struct {
	bytes []byte
	due   time.Time
}

// carry goes on until either end closes, and closes both.
func (r road) carry(from, into net.Conn) {
	defer from.Close()
	defer into.Close()
	onWay := make(chan carried, 1+int(2*r.rate*r.delay.Seconds()/packet))
	var arrival sync.WaitGroup
	defer arrival.Wait()
	defer close(onWay)
	arrival.Go(func() {
		for c := range onWay {
			time.Sleep(time.Until(c.due))
			if _, err := into.Write(c.bytes); err != nil {
				from.Close()
			}
		}
	})
	free := time.Now() // when the road's beginning is
	for {
		b := make([]byte, packet)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if late := time.Now().Add(-oversleep); free.Before(late) {
			free = late
		}
		free = free.Add(time.Duration(float64(n) / r.rate * 1e9))
		time.Sleep(time.Until(free))
		onWay <- carried{b[:n], free.Add(r.delay)}
	}
}

// wideArea is 50 Mbit/s with a round trip of 50 ms.
var wideArea = road{50e6 / 8, 25 * time.Millisecond}

// ideal reports how many times longer than the bytes alone take the road something took.
func (r road) ideal(b *testing.B, bytes int) {
	b.ReportMetric(b.Elapsed().Seconds()*r.rate/float64(bytes)/float64(b.N), "x-ideal")
}

func BenchmarkFarFirstCopy(b *testing.B) {
	c := newCapitol(b)
	const files, size = 2000, 8 << 10
	c.trust = true
	var changes []journal.Change
	for i := range files {
		changes = append(changes, c.change(fmt.Sprint("f", i), filled(size, byte(i))))
	}
	head := c.append(changes...)
	c.url = "ws://" + wideArea.to(b, c.addr) + "/src"
	for b.Loop() {
		n, _ := runNod(b, c, time.Second)
		n.wait(head.Seq)
	}
	wideArea.ideal(b, files*size)
}

func BenchmarkFarFetch(b *testing.B) {
	c := newCapitol(b)
	c.trust = true
	const size = 16 << 20
	file := c.write("big", filled(size, 1))
	c.url = "ws://" + wideArea.to(b, c.addr) + "/src"
	n, client := runNod(b, c, time.Second)
	n.wait(c.j.Position().Seq)
	for b.Loop() {
		if err := client.Fetch(context.Background(), file, 0, size, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	wideArea.ideal(b, size)
}

// BenchmarkAway is what travels for 500 changed files to a city that was away, in
// bytes on the wire by bytes that changed.
func BenchmarkAway(b *testing.B) {
	c := newCapitol(b)
	c.trust = true
	const files, changed, size = 3000, 500, 4 << 10
	write := func(n int, seed byte) (head journal.Position) {
		var changes []journal.Change
		for i := range n {
			changes = append(changes, c.change(fmt.Sprint("dir-", i%50, "-file-", i), filled(size, seed+byte(i))))
		}
		return c.append(changes...)
	}
	was := write(files, 0)
	head := write(changed, 7)
	var meter metered
	var total int64
	for b.Loop() {
		n := newNod()
		n.pos = was
		client, err := stream.NewClient(stream.ClientConfig{URL: c.url, Dial: meter.dial})
		if err != nil {
			b.Fatal(err)
		}
		before := meter.read.Load()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = client.Run(ctx, n) }()
		n.wait(head.Seq)
		total += meter.read.Load() - before
		cancel()
		<-done
	}
	b.ReportMetric(float64(total)/float64(b.N)/(changed*size), "x-changed")
}

// metered counts what its connections read.
type metered struct{ read atomic.Int64 }

func (m *metered) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	return meteredConn{c, m}, err
}

type meteredConn struct {
	net.Conn
	m *metered
}

func (c meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.m.read.Add(int64(n))
	return n, err
}
