package stream_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// visitors notes what it hears.
type visitors struct {
	mu      sync.Mutex
	came    []*stream.Visit
	left    []error
	whose   []stream.Fault
	refused []stream.Refusal
	reports []stream.Report
}

func (v *visitors) Reported(_ *stream.Visit, r stream.Report) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reports = append(v.reports, r)
}

func (v *visitors) Came(one *stream.Visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.came = append(v.came, one)
}

func (v *visitors) Left(_ *stream.Visit, why error, whose stream.Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left, v.whose = append(v.left, why), append(v.whose, whose)
}

func (v *visitors) Refused(r stream.Refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused = append(v.refused, r)
}

func (v *visitors) await(t *testing.T, good func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		v.mu.Lock()
		ok := good()
		v.mu.Unlock()
		if ok {
			return
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	t.Fatalf("came %v, left %v %v, refused %+v", v.came, v.left, v.whose, v.refused)
}

// Who comes, leaves, is sent away or refused is told, with what was sent and why it ended.
func TestVisitorsAreTold(t *testing.T) {
	v := &visitors{}
	g := &gate{passes: map[string]*stream.Pass{}, ends: map[string]func(){}}
	g.admit("all", ledger.Everything()...)
	g.admit("part", ledger.Grant{Tree: "src", SubDirs: []string{"d"}})
	g.admit("none", ledger.Grant{Tree: "another"})
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Gate, cfg.Visitors = g, v })
	c.write("f", filled(1<<20, 1))
	as := func(city string) func(*stream.ClientConfig) {
		return func(cfg *stream.ClientConfig) { cfg.Token = credentialOf(city) }
	}
	m := newCity(t, c.url, as("all"))
	stop := m.run()
	m.inStep(c)
	v.await(t, func() bool {
		if len(v.came) != 1 {
			return false
		}
		entries, bytes := v.came[0].Sent()
		return entries == 2 && bytes > 1<<20
	})
	if one := v.came[0]; one.City != "all" || one.Tree != "src" || one.Remote != "127.0.0.1" || one.Mode != stream.Full || one.Reason == "" {
		t.Errorf("got %+v", one)
	}
	v.await(t, func() bool { return v.came[0].Confirmed() })
	before, _ := v.came[0].Sent()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	v.await(t, func() bool { return len(v.left) == 1 && v.left[0] == nil && v.whose[0] == stream.NoFault })
	if after, _ := v.came[0].Sent(); after != before {
		t.Errorf("%d entries became %d", before, after)
	}

	for _, city := range []string{"part", "none", "nobody"} {
		other := newCity(t, c.url, as(city))
		if err := other.client.Run(t.Context(), other); err == nil {
			t.Errorf("%s is let in", city)
		}
	}
	v.await(t, func() bool { return len(v.refused) == 3 })
	for _, want := range []stream.Refusal{
		{City: "part", Tree: "src", Remote: "127.0.0.1", Reason: "not granted: the whole tree of tree src; granted: d"},
		{City: "none", Tree: "src", Remote: "127.0.0.1", Reason: "no tree of that name, or none of it is granted"},
		{City: "mallory\x1b[2J", Tree: "src", Remote: "127.0.0.1", Reason: "unknown credential"},
	} {
		if !slices.Contains(v.refused, want) { // in whatever order: the city may hear before
			t.Errorf("got %+v, want %+v among them", v.refused, want)
		}
	}

	// Sent away, and this end's own end.
	again := newCity(t, c.url, as("all"))
	ended := again.run()
	again.inStep(c)
	g.revoke("all")
	v.await(t, func() bool { return len(v.left) == 2 && v.left[1] != nil && v.whose[1] == stream.NoFault })
	_ = ended() // refused, as it is to be
	g.admit("all", ledger.Everything()...)
	last := newCity(t, c.url, as("all"))
	done := last.run()
	last.inStep(c)
	c.stop()
	v.await(t, func() bool { return len(v.left) == 3 && v.left[2] == nil })
	if err := done(); err != nil {
		t.Error(err)
	}
}

// A city has confirmed something once it is somewhere else than when it came, or proves that it is in step.
func TestAPulseOfWhereItWasConfirmsNothing(t *testing.T) {
	v := &visitors{}
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Visitors = v })
	before := c.j.Position()
	at := func(pos journal.Position) m { return m{1: pos.Epoch[:], 2: uint64(pos.Seq), 3: pos.Digest[:]} }
	c.write("f", []byte("x"))
	for i, row := range []struct {
		pulse m
		want  bool
	}{
		{m{1: at(before)}, false},
		{m{}, false},
		{m{1: at(before), 2: make([]byte, 32)}, false},
		{m{1: at(c.j.Position())}, true},
		{m{1: at(before), 2: before.Digest[:]}, true},
	} {
		r := dialRaw(t, c)
		h := hello()
		h[3] = at(before)
		r.send(frame(t, 1, h))
		if r.until(17) == nil {
			t.Fatal("no batch")
		}
		r.send(frame(t, 4, row.pulse))
		r.send(frame(t, 2, m{1: 1, 2: 999_999, 3: make([]byte, 32), 6: 1})) // its answer says that the pulse was heard
		if r.until(19) == nil {
			t.Fatal("no answer")
		}
		v.mu.Lock()
		if got := v.came[i].Confirmed(); got != row.want {
			t.Errorf("%v: confirmed is %v", row.pulse, got)
		}
		v.mu.Unlock()
	}
}
