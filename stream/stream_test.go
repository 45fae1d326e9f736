package stream_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

func TestACityGetsTheTreeAndThenWhatChanges(t *testing.T) {
	c := newCapitol(t)
	c.mkdir("dir")
	c.write("dir/small", []byte("hello"))
	c.write("big", filled(3<<20+17, 1))
	m := newCity(t, c.url)
	stop := m.run()
	m.inStep(c)
	if m.modes[0] != stream.Full {
		t.Errorf("mode: got %v, want %v", m.modes[0], stream.Full)
	}
	c.write("dir/new", []byte("later"))
	c.write("dir/small", []byte("changed"))
	c.remove("big")
	m.inStep(c)
	if err := stop(); err != nil {
		t.Errorf("Run after its context ended: %v", err)
	}
}

func TestACityThatWasAwayGetsOnlyWhatChanged(t *testing.T) {
	c := newCapitol(t)
	for i := range 50 {
		c.write(fmt.Sprint("f", i), filled(1000, byte(i)))
	}
	m := newCity(t, c.url)
	stop := m.run()
	m.inStep(c)
	stop()
	before := m.inlined
	c.write("f7", []byte("changed while away"))
	c.chmod("f8", 0o600)
	m.connectTo(c.url)
	m.batches = nil
	m.run()
	m.inStep(c)
	if last := m.modes[len(m.modes)-1]; last != stream.Resume {
		t.Errorf("mode: got %v, want %v", last, stream.Resume)
	}
	entries := 0
	for _, b := range m.batches {
		entries += len(b.Entries)
	}
	if entries != 2 {
		t.Errorf("entries after coming back: got %d, want 2", entries)
	}
	if got, want := m.inlined-before, int64(len("changed while away")); got != want {
		t.Errorf("content after coming back: got %d bytes, want %d", got, want)
	}
	if m.fetched != 0 {
		t.Errorf("%d bytes were asked for", m.fetched)
	}
}

func TestAGrowingLogCostsItsNewLines(t *testing.T) {
	c := newCapitol(t)
	log := filled(1<<20, 3)
	c.write("log", log)
	m := newCity(t, c.url)
	m.run()
	m.inStep(c)
	for i := range 20 {
		log = append(bytes.Clone(log), fmt.Sprintf("line %d\n", i)...)
		c.write("log", log)
		m.inStep(c)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fetched > 2<<20+4096 {
		t.Errorf("asked for %d bytes", m.fetched)
	}
	if m.inlined > 4096 {
		t.Errorf("%d bytes came by themselves", m.inlined)
	}
}

func TestADifferenceLeadsToAFullComparison(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("x"))
	m := newCity(t, c.url)
	m.differs = 1
	m.has = true
	m.run()
	m.inStep(c)
	m.await("a second comparison", func() bool { return len(m.modes) == 2 })
	if m.modes[1] != stream.Full || m.reasons[1] != "the city asks for it" {
		t.Errorf("second connection: got %v because %q", m.modes[1], m.reasons[1])
	}
}

func TestASubDirIsAllThatArrives(t *testing.T) {
	c := newCapitol(t)
	c.mkdir("in")
	c.mkdir("out")
	c.write("in/a", []byte("a"))
	c.write("out/b", []byte("b"))
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.SubDirs = []string{"in"} })
	m.run()
	m.inStep(c)
	if len(m.nodes) != 3 {
		t.Errorf("nodes: got %d, want the root, in, in/a", len(m.nodes))
	}
	for i := range 5 {
		c.write("out/b", []byte{byte(i)})
	}
	m.inStep(c) // the position moves although nothing in scope has changed
	c.write("in/c", []byte("c"))
	m.inStep(c)
	if len(m.nodes) != 4 {
		t.Errorf("nodes: got %d, want 4", len(m.nodes))
	}
}

func TestACapitolThatComesBackIsFoundAgain(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("one"))
	var states []stream.Phase
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.OnState = func(s stream.State) { states = append(states, s.Phase) }
	})
	stop := m.run()
	m.inStep(c)
	c.stop()
	c.write("f", []byte("two"))
	relisten(t, c)
	m.inStep(c)
	stop()
	if len(states) < 4 || states[0] != stream.Connecting || states[1] != stream.Connected || states[2] != stream.Waiting {
		t.Errorf("states: %v", states)
	}
}

func TestManyIdleCitiesShareOneRead(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Heartbeat = 5 * time.Second })
	c.write("f", []byte("one"))
	var cities []*city
	for range 50 {
		m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Heartbeat = 5 * time.Second })
		m.run()
		cities = append(cities, m)
	}
	for _, m := range cities {
		m.inStep(c)
	}
	c.mu.Lock()
	before := c.opens
	c.mu.Unlock()
	c.write("f", []byte("two"))
	for _, m := range cities {
		m.inStep(c)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.opens - before; got > 2 {
		t.Errorf("the content was opened %d times for 50 cities", got)
	}
	if got := len(c.server.Cities()); got != 50 {
		t.Errorf("cities: got %d, want 50", got)
	}
}
