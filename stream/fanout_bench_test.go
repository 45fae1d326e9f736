package stream_test

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// hold connects cities that are sockets with nothing behind them, and waits
// until each has heard a heartbeat.
func hold(t testing.TB, c *capitol, n int) (held []*rawCity) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{stream.Subprotocol}, ReadBufferSize: 256, WriteBufferSize: 256}
	v := hello()
	v[9], v[10] = 60000, int64(stream.MaxWindow)
	for range n {
		ws, _, err := d.Dial("ws://"+c.addr+"/v1/trees/src/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		r := &rawCity{t, ws}
		r.send(frame(t, 1, v))
		if r.until(20) == nil {
			t.Fatal("no heartbeat")
		}
		held = append(held, r)
	}
	return held
}

func unhurried(cities int) func(*stream.ServerConfig) {
	return func(cfg *stream.ServerConfig) { cfg.Heartbeat, cfg.Strangers = time.Minute, cities }
}

// memory is what the Go runtime uses for objects and stacks, once it has cleared up.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc + s.StackInuse)
}

// taken is what it has taken from the system and not given back, and what of
// the process is resident.
func taken(t testing.TB) (sys, rss int64) {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(string(bytes.Fields(text)[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(s.HeapSys - s.HeapReleased + s.StackSys), pages * int64(os.Getpagesize())
}

// BenchmarkIdleCity measures what a connected city costs the capitol, with the
// little that the socket at the other end takes.
func BenchmarkIdleCity(b *testing.B) {
	const cities = 1000
	c := newCapitol(b, unhurried(cities))
	c.write("f", []byte("x"))
	for b.Loop() {
		used := memory()
		sys, rss := taken(b)
		held := hold(b, c, cities)
		perCity := func(what string, n int64) { b.ReportMetric(float64(n)/cities/1024, what+"-KiB/city") }
		perCity("used", memory()-used)
		nowSys, nowRSS := taken(b)
		perCity("sys", nowSys-sys)
		perCity("rss", nowRSS-rss)
		for _, r := range held {
			r.ws.Close()
		}
	}
}

func TestAnIdleCityCostsLittleMemory(t *testing.T) {
	const cities, most = 200, 64 << 10
	c := newCapitol(t, unhurried(cities))
	c.write("f", []byte("x"))
	hold(t, c, 10) // what is there once
	before := memory()
	hold(t, c, cities)
	if each := (memory() - before) / cities; each > most {
		t.Errorf("%d bytes a city, want at most %d", each, most)
	}
}

// lags makes changes of so many bytes, and tells of each how long after the
// commit the city that is slower than 99 of 100 had it; of these, the median.
func lags(b *testing.B, c *capitol, all []*nod, size int) time.Duration {
	var worst []time.Duration
	for i := 0; b.Loop(); i++ {
		c.write("f", filled(size, byte(i)))
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
	return worst[len(worst)/2]
}

func runNods(b *testing.B, c *capitol, cities int) (all []*nod) {
	for range cities {
		n, _ := runNod(b, c, time.Minute)
		all = append(all, n)
	}
	for _, n := range all {
		n.wait(c.j.Position().Seq)
	}
	return all
}

// BenchmarkFanOut is one change on its way to many cities, all in this process.
func BenchmarkFanOut(b *testing.B) {
	const cities = 1000
	c := newCapitol(b, unhurried(cities))
	c.write("f", []byte("x"))
	all := runNods(b, c, cities)
	c.mu.Lock()
	opens := c.opens
	c.mu.Unlock()
	p99 := lags(b, c, all, 16<<10)
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(c.opens-opens)/float64(b.N), "opens/change")
}

// BenchmarkSlowCity is the same to 99 cities beside one that reads 10 KiB a
// second.
func BenchmarkSlowCity(b *testing.B) {
	c := newCapitol(b, unhurried(100))
	c.write("f", []byte("x"))
	all := runNods(b, c, 99)
	slow := hold(b, c, 1)[0]
	ends := make(chan struct{})
	go func() {
		defer close(ends)
		piece := make([]byte, 1<<10)
		for err := error(nil); err == nil; _, err = slow.ws.NetConn().Read(piece) {
			time.Sleep(100 * time.Millisecond)
		}
	}()
	c.write("f", filled(60<<10, 99)) // the cities here have buffers too
	for _, n := range all {
		n.wait(c.j.Position().Seq)
	}
	before := memory()
	p99 := lags(b, c, all, 60<<10)
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(memory()-before)/1024, "KiB-more")
	slow.ws.Close()
	<-ends
}

func TestACityThatIsFarBehindGetsTheNewestState(t *testing.T) {
	c := newCapitol(t, unhurried(10))
	c.write("f", []byte("x"))
	slow := hold(t, c, 1)[0]
	m := newCity(t, c.url)
	m.run()
	m.inStep(c)
	const changes = 400 // more than sockets hold
	for i := range changes {
		c.write("f", filled(60<<10, byte(i)))
	}
	m.inStep(c)
	head, batches := c.j.Position(), 0
	for told := (journal.Position{}); told.Seq < head.Seq; batches++ {
		if slow.until(17) == nil {
			t.Fatal("the stream ended")
		}
		for _, city := range c.server.Cities() {
			if city.Name != "test" {
				told = city.Told
			}
		}
	}
	if batches >= changes {
		t.Errorf("%d batches for %d changes of one file: it was told what is long gone", batches, changes)
	}
}
