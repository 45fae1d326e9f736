package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
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
	began := time.Now()
	for _, m := range cities {
		m.inStep(c)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the proof of \"in step\" waited for a heartbeat: %v", took)
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

func TestWhyACityIsCompared(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*journal.Position)
		reason string
	}{
		"the capitol has begun a new life":   {func(p *journal.Position) { p.Epoch[0]++ }, journal.OtherEpoch.String()},
		"one of both was rolled back":        {func(p *journal.Position) { p.Digest[0]++ }, journal.DigestDiffers.String()},
		"the capitol was restored from less": {func(p *journal.Position) { p.Seq += 1000 }, journal.Ahead.String()},
		"the city lost its journal":          {func(p *journal.Position) { *p = journal.Position{} }, journal.Empty.String()},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCapitol(t)
			c.mkdir("d")
			c.write("d/f", filled(1000, 1))
			c.write("big", filled(200<<10, 1))
			m := newCity(t, c.url)
			stop := m.run()
			m.inStep(c)
			stop()
			row.change(&m.pos)
			inlined, fetched := m.inlined, m.fetched
			m.has, m.agreed = true, journal.Position{}
			m.connectTo(c.url)
			m.run()
			m.inStep(c)
			if last := len(m.modes) - 1; m.modes[last] != stream.Full || m.reasons[last] != row.reason {
				t.Errorf("got %v because %q, want a full comparison because %q", m.modes[last], m.reasons[last], row.reason)
			}
			if m.inlined != inlined || m.fetched != fetched {
				t.Errorf("%d+%d bytes of content travelled although the city has all of it", m.inlined-inlined, m.fetched-fetched)
			}
		})
	}
}

func TestACityThatWasAwayTooLongIsCompared(t *testing.T) {
	c := newForgetful(t, 5)
	c.write("f", []byte("0"))
	m := newCity(t, c.url)
	stop := m.run()
	m.inStep(c)
	stop()
	for i := range 40 {
		c.write("f", []byte{byte(i)})
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		st, err := c.j.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if st.Floor > m.pos.Seq {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is compacted: %+v", st)
		}
	}
	m.connectTo(c.url)
	m.run()
	m.inStep(c)
	if last := len(m.modes) - 1; m.modes[last] != stream.Full || m.reasons[last] != journal.Compacted.String() {
		t.Errorf("got %v because %q", m.modes[last], m.reasons[last])
	}
}

func TestARelayThatIsNotReadyServesNothing(t *testing.T) {
	j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "j.db"), Role: journal.City})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Trees[0].Journal = j })
	failed := make(chan error, 100)
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.OnState = func(s stream.State) {
			if s.Phase == stream.Waiting && len(failed) < cap(failed) {
				failed <- s.Err
			}
		}
	})
	stop := m.run()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "no position yet") {
		t.Errorf("got %v", err)
	}
	stop()
	if len(m.modes) != 0 {
		t.Errorf("it was welcomed: %v", m.modes)
	}
	c.stop()
}

func TestWhatChangesDuringAComparisonFollowsIt(t *testing.T) {
	c := newCapitol(t)
	for i := range 100 {
		c.write(fmt.Sprint("f", i), filled(60<<10, byte(i)))
	}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Window = stream.MinWindow })
	first := true
	m.hook = func(stream.Batch) error {
		if first { // the window holds the rest of the tree back meanwhile
			first = false
			c.write("f0", []byte("changed after it was sent"))
			c.remove("f1")
		}
		return nil
	}
	m.run()
	m.inStep(c)
	if len(m.modes) != 1 {
		t.Errorf("it took %d connections", len(m.modes))
	}
}

func TestConstantChangesNeverLookLikeADifference(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Heartbeat = 20 * time.Millisecond })
	var nodes []journal.Node
	for i := range 6 {
		nodes = append(nodes, c.write(fmt.Sprint("f", i), []byte("x")))
	}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Heartbeat = 200 * time.Millisecond })
	m.run()
	m.inStep(c)
	var writers sync.WaitGroup
	for _, n := range nodes {
		writers.Go(func() {
			for began := time.Now(); time.Since(began) < time.Second; {
				n.Mode ^= 0o111
				if _, err := c.j.Append(context.Background(), []journal.Change{{Node: n}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	m.inStep(c)
	for i, mode := range m.modes[1:] { // a loaded machine may miss a heartbeat, but never compares
		if mode == stream.Full {
			t.Errorf("compared again because %q", m.reasons[i+1])
		}
	}
}

func TestTheCitiesOfARelayFollowItIntoAnotherEpoch(t *testing.T) {
	j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "j.db"), Role: journal.City})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	begin := func(epoch byte, seq journal.Seq, name string, was ...journal.NodeID) {
		t.Helper()
		root := journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}
		dir := journal.Node{ID: 2, Parent: journal.Root, Name: name, Kind: journal.Dir, Mode: 0o755}
		entries := []journal.Entry{{Seq: 1, Change: journal.Change{Node: root}}, {Seq: 2, Change: journal.Change{Node: dir}}}
		for i, id := range was {
			entries[i].Change.Was = id
		}
		pos := journal.Position{Epoch: journal.Epoch{epoch}, Seq: seq, Digest: journal.SumOf(&root).Digest.Plus(journal.SumOf(&dir).Digest)}
		if err := j.Record(context.Background(), entries, pos); err != nil {
			t.Fatal(err)
		}
	}
	begin(1, 10, "one")
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Trees[0].Journal = j })
	m := newCity(t, c.url)
	stop := m.run()
	m.await("the first epoch", func() bool { return m.agreed.Epoch == journal.Epoch{1} })
	if err := j.Renumber(context.Background()); err != nil {
		t.Fatal(err)
	}
	begin(2, 5, "two", -1, -2) // an epoch that has not come as far
	m.await("the second epoch", func() bool { return m.pos.Epoch == journal.Epoch{2} })
	if m.nodes[2].Name != "two" {
		t.Errorf("nodes: %v", m.nodes)
	}
	stop()
	c.stop()
}
