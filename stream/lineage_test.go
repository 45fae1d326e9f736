package stream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

func way(names ...string) stream.Lineage {
	var l stream.Lineage
	for i, name := range names {
		l = append(l, stream.Ancestor{ID: name, Name: name, Capitol: i == 0 && name == "cap"})
	}
	return l
}

func TestALineageThatGoesInACircleDoesNotGrow(t *testing.T) {
	a, b := stream.Ancestor{ID: "a", Name: "a"}, stream.Ancestor{ID: "b", Name: "b"}
	if got := way("cap").Through(a).Through(b); got.String() != "cap → a → b" || !got.Whole() {
		t.Errorf("got %v", got)
	}
	circle := way("b").Through(a)
	for range 10 {
		circle = circle.Through(b).Through(a)
	}
	if got := circle.String(); got != "a → b → a" || circle.Whole() {
		t.Errorf("after ten rounds: %v", got)
	}
}

func TestACityIsNotFedByWhatItFeeds(t *testing.T) {
	c := newCapitol(t)
	relay := second(t, c, func(cfg *stream.ServerConfig) {
		cfg.Trees[0].Lineage = func() stream.Lineage { return way("cap", "one", "two", "three") }
	})
	m := newCity(t, relay.url, func(cfg *stream.ClientConfig) { cfg.Replica = "two" })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var refused *stream.RefusedError
	if err := m.client.Run(ctx, m); !errors.As(err, &refused) || !strings.HasSuffix(refused.Text, "two → three → two") {
		t.Errorf("got %v, want the circle", err)
	}
}

func TestACityHearsWhenTheLineageChanges(t *testing.T) {
	c := newCapitol(t)
	lineages := make(chan stream.Lineage, 1)
	lineages <- way("cap", "one")
	relay := second(t, c, func(cfg *stream.ServerConfig) {
		cfg.Trees[0].Lineage = func() stream.Lineage { l := <-lineages; lineages <- l; return l }
	})
	heard := make(chan stream.Lineage, 1000)
	m := newCity(t, relay.url, func(cfg *stream.ClientConfig) {
		cfg.Replica = "two"
		cfg.OnState = func(st stream.State) {
			if st.Phase == stream.Connected {
				heard <- st.Welcome.Lineage
			}
		}
	})
	m.run()
	for _, want := range []stream.Lineage{way("cap", "one"), way("two", "one"), way("cap", "one")} {
		<-lineages
		lineages <- want
		for got := range heard {
			if got.String() == want.String() {
				break
			}
		}
	}
	m.inStep(c)
}

func TestAPartServesWhatIsWithin(t *testing.T) {
	c := newCapitol(t)
	c.mkdir("docs")
	c.mkdir("docs/en")
	c.write("docs/en/f", []byte("1"))
	relay := second(t, c, func(cfg *stream.ServerConfig) { cfg.Trees[0].SubDirs = []string{"docs", "img/small"} })
	for dirs, within := range map[string]bool{"docs": true, "docs/en,img/small": true, "": false, "doc": false, "docs,img": false, "docsx": false} {
		subDirs := strings.FieldsFunc(dirs, func(r rune) bool { return r == ',' })
		m := newCity(t, relay.url, func(cfg *stream.ClientConfig) { cfg.SubDirs = subDirs })
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if within {
			m.hook = func(stream.Batch) error { cancel(); return nil }
		}
		var refused *stream.RefusedError
		err := m.client.Run(ctx, m)
		cancel()
		if told := errors.As(err, &refused) && strings.HasSuffix(refused.Text, ": docs, img/small"); told == within {
			t.Errorf("sub_dirs %q: %v", dirs, err)
		}
		query := "?"
		for _, d := range subDirs {
			query += "sub_dir=" + d + "&"
		}
		resp, err := http.Get("http://" + relay.addr + "/v1/trees/src/digest" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if ok := resp.StatusCode == http.StatusOK; ok != within {
			t.Errorf("digest of %q: %s %s", dirs, resp.Status, body)
		}
	}
}

// follower records in its journal what it follows, as a relay does.
type follower struct {
	t    *testing.T
	j    *journal.Journal
	from *journal.Journal
}

func newFollower(t *testing.T, from *journal.Journal) *follower {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "relay.db"), Role: journal.City})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	f := &follower{t, j, from}
	f.take(from.All(nil))
	return f
}

func (f *follower) take(cursor *journal.Cursor) {
	f.t.Helper()
	for {
		chunk, err := cursor.Next(context.Background(), 100)
		if err == nil {
			err = f.j.Record(context.Background(), chunk.Entries, chunk.Position)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		if chunk.Done {
			return
		}
	}
}

func (f *follower) follow() { f.t.Helper(); f.take(f.from.Follow(f.j.Position().Seq, nil)) }

func TestACityGoesOnAtARelayWhoseLogHasAGapThere(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("1"))
	f := newFollower(t, c.j)
	relay := second(t, c, func(cfg *stream.ServerConfig) { cfg.Trees[0].Journal = f.j })
	c.write("f", []byte("2"))
	m := newCity(t, c.url)
	stop := m.run()
	m.inStep(c)
	stop()
	c.write("f", []byte("3")) // the relay records this one only
	f.follow()
	m.connectTo(relay.url)
	m.run()
	m.inStep(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if last := m.modes[len(m.modes)-1]; last != stream.Resume {
		t.Errorf("the city began with %v at the relay (%s), want a resume", last, m.reasons[len(m.reasons)-1])
	}
}

func TestARelayThatIsBehindTakesNothingBack(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("1"))
	f := newFollower(t, c.j)
	relay := second(t, c, func(cfg *stream.ServerConfig) {
		cfg.Trees[0].Journal = f.j
		cfg.Trees[0].Unable = func(pos journal.Position) string {
			if pos.Seq > f.j.Position().Seq {
				return "behind"
			}
			return ""
		}
	})
	c.write("f", []byte("2"))
	m := newCity(t, c.url)
	stop := m.run()
	m.inStep(c)
	stop()
	waits := make(chan stream.State, 1000)
	m.connectTo(relay.url, func(cfg *stream.ClientConfig) {
		cfg.OnState = func(st stream.State) {
			if st.Phase == stream.Waiting {
				waits <- st
			}
		}
	})
	before := len(m.modes)
	m.run()
	for range 3 {
		if st := <-waits; st.Err == nil || !strings.Contains(st.Err.Error(), "behind") {
			t.Errorf("got %v, want to be sent away", st.Err)
		}
	}
	c.write("f", []byte("3"))
	f.follow()
	m.inStep(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, mode := range m.modes[before:] {
		if mode != stream.Resume {
			t.Errorf("connection %d: %v (%s)", i, mode, m.reasons[before+i])
		}
	}
}
