package stream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// What a city says of itself counts for what it can know; who it is, the capitol knows better.
func TestReportsComeWithWhatTheCapitolKnowsOfTheCity(t *testing.T) {
	v := &visitors{}
	g := &gate{passes: map[string]*stream.Pass{}, ends: map[string]func(){}}
	g.admit("berlin", ledger.Everything()...)
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Gate, cfg.Visitors = g, v })
	own := stream.Report{ID: "0a", Parent: "nonsense", Who: stream.Who{Role: stream.RoleRelay, Serves: ":1", Version: "v9", TLS: true, Address: "192.0.2.1"},
		Situation: stream.Situation{State: "in step", Since: time.Now().Add(-time.Hour), Position: journal.Position{Seq: 5}}, Lost: stream.Unreachable, LostSince: time.Now()}
	below := stream.Report{ID: "0b", Parent: "0a", Who: stream.Who{Name: "rome", Role: stream.RoleCity, Address: "192.0.2.2", Version: "v1"},
		Lost: stream.Unreachable, LostSince: time.Now().Add(-time.Minute)}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.Token, cfg.Replica, cfg.Program, cfg.City = credentialOf("berlin"), "0a", "v2", "rome"
		cfg.Report = func(ctx context.Context, tell func(stream.Report) error) {
			if tell(own) == nil {
				_ = tell(below) // the test would see that it does not come
			}
		}
	})
	m.run()
	v.await(t, func() bool { return len(v.reports) == 2 })
	got := v.reports[0]
	if got.Name != "berlin" || got.Version != "v2" || got.Address != "127.0.0.1" || got.TLS || got.Parent != "" || got.Lost != stream.Here || !got.LostSince.IsZero() {
		t.Errorf("what the capitol knows better: got %+v", got)
	}
	if got.Role != stream.RoleRelay || got.Serves != ":1" || got.State != "in step" || got.Position.Seq != 5 || time.Since(got.Since) < time.Hour || time.Since(got.Since) > 2*time.Hour {
		t.Errorf("what the city knows: got %+v", got)
	}
	if got := v.reports[1]; got.Name != "rome" || got.Lost != stream.Unreachable || time.Since(got.LostSince) < time.Minute || got.Address != "192.0.2.2" {
		t.Errorf("what is beneath it: got %+v", got)
	}
	if one := v.came[0]; one.Program != "v2" || one.Replica != "0a" || one.TLS {
		t.Errorf("got %+v", one)
	}
}

func reporting(change m) m {
	v := m{1: []byte("0b"), 3: []byte("rome"), 4: 1, 10: []byte("in step"), 14: m{}, 17: m{}}
	for k, d := range change {
		v[k] = d
	}
	return v
}

// A report too long, out of range, by who may not, or in another's name ends the connection;
// one of an ancestor is dropped.
func TestHostileReportsAreRefused(t *testing.T) {
	v := &visitors{}
	c := newCapitol(t, func(cfg *stream.ServerConfig) {
		cfg.Visitors = v
		cfg.Trees[0].Lineage = func() stream.Lineage { return stream.Lineage{{ID: "cap", Name: "mill", Capitol: true}} }
	})
	long := func(n int) []byte { return []byte(strings.Repeat("a", n)) }
	able := hello()
	able[5], able[12] = [][]byte{[]byte("report")}, []byte("0a")
	for name, row := range map[string]struct {
		hello, report m
	}{
		"not agreed on":          {hello(), reporting(nil)},
		"own with a name":        {able, reporting(m{1: []byte("0a")})},
		"another's without":      {able, reporting(m{3: []byte{}})},
		"of nobody":              {able, reporting(m{1: []byte{}})},
		"a long id":              {able, reporting(m{1: long(65)})},
		"a long parent":          {able, reporting(m{2: long(65)})},
		"a long name":            {able, reporting(m{3: long(256)})},
		"no role":                {able, reporting(m{4: 0})},
		"a role that is none":    {able, reporting(m{4: 4})},
		"a long address":         {able, reporting(m{5: long(65)})},
		"a long place":           {able, reporting(m{6: long(65)})},
		"a long version":         {able, reporting(m{7: long(65)})},
		"a long tree":            {able, reporting(m{20: long(256)})},
		"a long URL":             {able, reporting(m{9: long(1025)})},
		"a long state":           {able, reporting(m{10: long(65)})},
		"a long reason":          {able, reporting(m{11: long(1025)})},
		"101 percent":            {able, reporting(m{12: 101})},
		"since tomorrow":         {able, reporting(m{13: -1})},
		"half an epoch":          {able, reporting(m{14: m{1: []byte("abc")}})},
		"since the big bang":     {able, reporting(m{16: int64(1) << 62})},
		"verified since ever":    {able, reporting(m{17: m{1: int64(1) << 62}})},
		"lost in a new way":      {able, reporting(m{18: 3, 19: 1})},
		"lost, but not since":    {able, reporting(m{18: 1})},
		"since, but not lost":    {able, reporting(m{19: 5})},
		"a name that is no text": {able, reporting(m{3: "rome"})},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, c)
			r.send(frame(t, 1, row.hello))
			if r.until(20) == nil {
				t.Fatal("no heartbeat after the hello")
			}
			r.send(frame(t, 7, row.report))
			if got := r.until(21); got == nil || parse(t, got)[1] != uint64(1) {
				t.Errorf("got %v, want error 1", got)
			}
		})
	}
	r := dialRaw(t, c)
	r.send(frame(t, 1, able))
	w := r.until(16)
	if w == nil || !strings.Contains(string(w), "report") {
		t.Fatalf("the welcome does not take the feature: %q", w)
	}
	r.send(frame(t, 7, reporting(m{1: []byte("cap")})))
	r.send(frame(t, 7, reporting(nil)))
	v.await(t, func() bool { return len(v.reports) == 1 && v.reports[0].ID == "0b" })
}

// Who keeps no log wants no reports, and a city that knows of none goes on.
func TestReportsAreForWhoWantsThem(t *testing.T) {
	c := newCapitol(t)
	r := dialRaw(t, c)
	able := hello()
	able[5] = [][]byte{[]byte("report")}
	r.send(frame(t, 1, able))
	if w := r.until(16); w == nil || strings.Contains(string(w), "report") {
		t.Errorf("got %q", w)
	}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.Report = func(context.Context, func(stream.Report) error) {
			t.Error("asked to report to a capitol that wants nothing")
		}
	})
	m.run()
	m.inStep(c)
}
