package stream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// walking is a capitol in the middle of its first walk; end ends it.
func walking(t *testing.T) (c *capitol, end func()) {
	t.Helper()
	ready := make(chan struct{})
	c = newCapitol(t, func(cfg *stream.ServerConfig) {
		cfg.Trees[0].Ready, cfg.Heartbeat = ready, 200*time.Millisecond
	})
	return c, func() { close(ready) }
}

// holder is a city that has the bytes of a tree and no position in it.
func holder(t *testing.T, c *capitol) *city {
	t.Helper()
	m := newCity(t, c.url)
	m.has = true
	m.hook = func(b stream.Batch) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, e := range b.Entries {
			if known, ok := c.bytes[e.Change.Node.ID]; ok {
				m.bytes[e.Change.Node.ID] = known
			}
		}
		return nil
	}
	return m
}

func TestACityThatHoldsSomethingIsNotComparedWithAPartOfATree(t *testing.T) {
	c, end := walking(t)
	c.write("found", filled(1000, 1))
	m := holder(t, c)
	m.run()
	m.await("the welcome", func() bool { return len(m.modes) > 0 })
	waits := func() bool {
		cities := c.server.Cities()
		return len(cities) == 1 && cities[0].Waits
	}
	if !m.client.State().Welcome.Waits {
		t.Errorf("the welcome does not say that it waits: %+v", m.client.State())
	}
	c.await("that it says that somebody waits", waits)
	// More than three times the heartbeat: who was silent would be gone by then.
	for began := time.Now(); time.Since(began) < 800*time.Millisecond; {
		c.write(fmt.Sprint("found", time.Since(began)), filled(1000, 2))
	}
	m.mu.Lock()
	if len(m.modes) != 1 || len(m.batches) != 0 {
		t.Errorf("%d connections and %d batches before the walk had ended", len(m.modes), len(m.batches))
	}
	m.mu.Unlock()
	end()
	m.inStep(c)
	m.mu.Lock()
	if len(m.modes) != 1 || m.modes[0] != stream.Full || waits() {
		t.Errorf("modes %v, cities %+v", m.modes, c.server.Cities())
	}
	for _, b := range m.batches {
		if len(b.Bodies) > 0 || m.fetched > 0 {
			t.Fatal("content was sent that the city holds")
		}
	}
	m.hook = nil
	m.mu.Unlock()
	c.write("later", filled(1000, 3))
	m.inStep(c)
	if m.inlined != 1000 {
		t.Errorf("%d bytes came along with what changed later", m.inlined)
	}
}

func TestAnEmptyCityIsFilledDuringTheWalkButNotInStepBeforeItsEnd(t *testing.T) {
	c, end := walking(t)
	c.write("f", filled(1000, 1))
	m := newCity(t, c.url)
	m.run()
	m.await("the first part", func() bool { return m.inlined == 1000 })
	time.Sleep(800 * time.Millisecond) // heartbeats go by, of which none may claim anything
	c.write("g", filled(1000, 2))
	m.await("the second part", func() bool { return m.inlined == 2000 })
	m.mu.Lock()
	if !m.agreed.IsZero() {
		t.Errorf("in step at %v with a part of the tree", m.agreed.Seq)
	}
	m.mu.Unlock()
	end() // nothing else happens: the proof comes by itself
	m.inStep(c)
}

func TestACityThatWaitsForTheWalkCanLeave(t *testing.T) {
	c, _ := walking(t)
	m := holder(t, c)
	stop := m.run()
	m.await("the welcome", func() bool { return len(m.modes) > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	c.await("that it has left", func() bool { return len(c.server.Cities()) == 0 })
}

func TestServeEndsWhileCitiesWaitForTheWalk(t *testing.T) {
	c, _ := walking(t)
	full, fresh := holder(t, c), newCity(t, c.url)
	full.run()
	fresh.run()
	full.await("the welcome", func() bool { return len(full.modes) > 0 })
	fresh.await("the first part", func() bool { return len(fresh.batches) > 0 })
	c.stop()
}

// The capitol's journal grows while all of it is read for a city that has nothing.
func TestNoContentIsSentTwiceWhileTheWalkGoesOn(t *testing.T) {
	const first, more, size = 1500, 300, 8 << 10
	c, end := walking(t)
	write := func(from, to int) {
		var changes []journal.Change
		for i := from; i < to; i++ {
			changes = append(changes, c.change(fmt.Sprint("dir/", i), filled(size, byte(i))))
		}
		c.append(changes...)
	}
	c.mkdir("dir")
	write(0, first)
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Window = stream.MinWindow })
	type content struct {
		node   journal.NodeID
		digest journal.Digest
	}
	sent, parts := map[content]int{}, 0
	m.hook = func(b stream.Batch) error {
		if parts++; parts == 1 { // the capitol waits for the window by now
			write(first, first+more)
			c.write("dir/0", filled(size, 77))
			c.write("dir/1499", filled(size, 78))
			c.chmod("dir/1498", 0o600)
			c.chmod("dir", 0o700)
			c.remove("dir/1497")
		}
		for _, e := range b.Entries {
			if _, ok := b.Bodies[e.Change.Node.ID]; ok {
				sent[content{e.Change.Node.ID, e.Change.Node.Body.Digest}]++
			}
		}
		return nil
	}
	m.run()
	m.await("all files", func() bool { return len(m.nodes) == 2+first+more-1 && m.pos == c.j.Position() })
	end()
	m.inStep(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	twice := 0
	for _, n := range sent {
		twice += n - 1
	}
	if twice > 0 || m.fetched > 0 {
		t.Errorf("%d contents of %d were sent twice, %d bytes were asked for", twice, len(sent), m.fetched)
	}
	if len(m.modes) != 1 || parts < 4 {
		t.Errorf("%d connections, %d batches", len(m.modes), parts)
	}
}
