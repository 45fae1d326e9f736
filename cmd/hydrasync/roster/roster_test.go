package roster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

const place = "place" // of this machine

func visit(city, replica string) *stream.Visit {
	return &stream.Visit{City: city, Joined: true, Tree: "site", Remote: "192.0.2.1", Replica: replica, Place: place, Program: "v1"}
}

// own is what a city says of itself, as a server passes it on.
func own(v *stream.Visit, state string, seq journal.Seq) stream.Report {
	return stream.Report{ID: v.Replica, Parent: v.Place, Who: stream.Who{Name: v.City, Role: stream.RoleCity},
		Situation: stream.Situation{State: state, Position: journal.Position{Epoch: journal.Epoch{1}, Seq: seq}}}
}

func beneath(id, parent, name string) stream.Report {
	return stream.Report{ID: id, Parent: parent, Who: stream.Who{Name: name, Role: stream.RoleCity}, Situation: stream.Situation{State: "in step"}}
}

func (r *Roster) find(t *testing.T, id string) Node {
	t.Helper()
	for _, n := range r.Nodes() {
		if n.ID == id {
			return n
		}
	}
	t.Fatalf("no %s in %+v", id, r.Nodes())
	return Node{}
}

func mustOpen(t *testing.T, folder string) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	return book
}

func TestWhoIsGoneIsLostAndSoIsWhatHeTold(t *testing.T) {
	r := New()
	now := time.Now()
	r.now = func() time.Time { return now }
	r.Own(stream.Report{ID: place, Who: stream.Who{Name: "hub", Role: stream.RoleCapitol}, Situation: stream.Situation{State: "live", Position: journal.Position{Epoch: journal.Epoch{1}, Seq: 9}}}, "site")
	relay := visit("relay", "R")
	r.Came(relay)
	if n := r.find(t, "R"); n.State != connected || n.Parent != place || n.Version != "v1" || n.Address != "192.0.2.1" {
		t.Errorf("before a report: %+v", n)
	}
	r.Reported(relay, own(relay, "in step", 7))
	r.Reported(relay, beneath("L", "R", "leaf"))
	dead := beneath("D", "L", "dead")
	dead.Lost, dead.LostSince = stream.Unreachable, now.Add(-time.Hour)
	r.Reported(relay, dead)
	if n := r.find(t, "R"); n.Behind != 2 || n.State != "in step" || n.Teller != "relay" || n.Tree != "site" {
		t.Errorf("got %+v", n)
	}
	r.Left(relay, errors.New("cut"), stream.FaultInBetween)
	now = now.Add(time.Minute)
	if n := r.find(t, "R"); n.Lost != stream.Unreachable || now.Sub(n.LostSince) != time.Minute || n.Behind != 2 || n.Lag != time.Minute {
		t.Errorf("relay: %+v", n)
	}
	if n := r.find(t, "L"); n.Lost != stream.Uncertain || n.Parent != "R" {
		t.Errorf("leaf: %+v", n)
	}
	if n := r.find(t, "D"); n.Lost != stream.Unreachable || now.Sub(n.LostSince) != time.Hour+time.Minute || n.Parent != "L" {
		t.Errorf("dead: %+v", n)
	}
	// It comes again, on a new connection before the old one is known to be over.
	first, second := visit("relay", "R"), visit("relay", "R")
	r.Came(first)
	r.Came(second)
	r.Left(first, nil, stream.NoFault)
	if n := r.find(t, "R"); n.Lost != stream.Here || n.Position.Seq != 7 {
		t.Errorf("again: %+v", n)
	}
}

func TestALeafThatMovesIsShownWhereItIs(t *testing.T) {
	r := New()
	a, b, leaf := visit("a", "A"), visit("b", "B"), visit("leaf", "L")
	r.Came(a)
	r.Came(b)
	r.Reported(a, beneath("L", "A", "leaf"))
	gone := beneath("L", "A", "leaf")
	gone.Lost, gone.LostSince = stream.Unreachable, time.Now()
	r.Reported(a, gone)
	r.Reported(b, beneath("L", "B", "leaf"))
	if n := r.find(t, "L"); n.Parent != "B" || n.Lost != stream.Here {
		t.Errorf("at b: %+v", n)
	}
	r.Came(leaf)
	if n := r.find(t, "L"); n.Parent != place || n.Teller != "leaf" {
		t.Errorf("here: %+v", n)
	}
	r.Reported(b, gone)
	r.Left(leaf, nil, stream.NoFault)
	r.Reported(a, beneath("L", "A", "leaf"))
	if n := r.find(t, "L"); n.Parent != "A" || n.Lost != stream.Here {
		t.Errorf("at a again: %+v", n)
	}
}

// Of two behind one address, neither of which has joined, what a replica says of itself goes before.
func TestWhoIsNearerIsBelieved(t *testing.T) {
	r := New()
	relay, leaf := visit("relay", "R"), visit("leaf", "L")
	relay.Joined, leaf.Joined = false, false
	r.Came(relay)
	r.Reported(relay, beneath("L", "R", "leaf"))
	r.Came(leaf)
	gone := beneath("L", "R", "leaf")
	gone.Lost, gone.LostSince = stream.Unreachable, time.Now()
	r.Reported(relay, gone)
	r.Reported(relay, beneath("L", "R", "leaf"))
	if n := r.find(t, "L"); n.Lost != stream.Here || n.Parent != place {
		t.Errorf("got %+v", n)
	}
	r.Left(relay, nil, stream.NoFault)
	if n := r.find(t, "L"); n.Lost != stream.Here {
		t.Errorf("got %+v", n)
	}
}

// Nobody takes another's row, place or name, or more room than there is for one.
func TestAHostileTellerSpeaksForItself(t *testing.T) {
	r := New()
	good, bad := visit("good", "G"), visit("bad", "B")
	r.Came(good)
	r.Came(bad)
	r.Reported(good, own(good, "in step", 5))
	r.Reported(bad, beneath("G", place, "good"))
	gone := beneath("G", "B", "good")
	gone.Lost, gone.LostSince = stream.Unreachable, time.Now()
	r.Reported(bad, gone)
	if n := r.find(t, "G"); n.Teller != "good" || n.Lost != stream.Here || n.Parent != place {
		t.Errorf("good is %+v", n)
	}
	r.Reported(bad, beneath("X", "G", "x")) // not beneath good
	if n := r.find(t, "X"); n.Parent != "B" || n.Teller != "bad" {
		t.Errorf("x is %+v", n)
	}
	for i := range 3 * maxBeneath {
		one := beneath(fmt.Sprint("flood", i), "B", "flood")
		r.Reported(bad, one)
	}
	if got := len(r.Nodes()); got > maxBeneath+3 {
		t.Errorf("%d nodes", got)
	}
	// What is dead beneath it makes room for what lives.
	now := time.Now().Add(time.Minute)
	r.now = func() time.Time { return now }
	dead := beneath("flood7", "B", "flood")
	dead.Lost, dead.LostSince = stream.Unreachable, now
	r.Reported(bad, dead)
	r.Reported(bad, beneath("late", "B", "late"))
	r.find(t, "late")
	// By coming again and again it gets no more, and forgets its own only.
	for turn := range 3 {
		r.Left(bad, nil, stream.NoFault)
		bad = visit("bad", "B")
		r.Came(bad)
		for i := range maxBeneath {
			r.Reported(bad, beneath(fmt.Sprint("turn", turn, i), "B", "flood"))
		}
	}
	if got := len(r.Nodes()); got > maxBeneath+3 {
		t.Errorf("%d nodes after it came again", got)
	}
	r.find(t, "G")
	if n := len(r.unkept); n > 10*maxBeneath {
		t.Errorf("%d rows wait for the ledger", n)
	}
	// And strangers, each with a name of its own, not more than there is room for.
	for i := range maxRows + 10 {
		v := visit("", fmt.Sprint("stranger", i))
		v.Joined, v.Remote = false, fmt.Sprint(i)
		r.Came(v)
		r.Left(v, nil, stream.NoFault)
	}
	if got := len(r.Nodes()); got > maxRows {
		t.Errorf("%d nodes", got)
	}
	r.find(t, "G")
}

// Who only looks is nobody, and a city of an older program is known by its name.
func TestWhoDoesNotReportIsListedAllTheSame(t *testing.T) {
	r := New()
	look := visit("", "")
	r.Came(look)
	r.Left(look, nil, stream.NoFault)
	old := visit("old", "")
	old.Program = ""
	r.Came(old)
	if nodes := r.Nodes(); len(nodes) != 1 || nodes[0].Name != "old" || nodes[0].State != connected || nodes[0].ID == "" {
		t.Errorf("got %+v", nodes)
	}
	r.Left(old, nil, stream.NoFault)
	if n := r.Nodes()[0]; n.Lost != stream.Unreachable {
		t.Errorf("got %+v", n)
	}
}

// A place that fails says so, and one that is no more is not shown; upward both are told.
func TestOwnPlacesFailAndGo(t *testing.T) {
	r := New()
	mine := stream.Report{ID: place, Who: stream.Who{Name: "relay", Role: stream.RoleRelay}, Situation: stream.Situation{State: "in step"}}
	r.Own(mine, "site")
	r.Fail(place, errors.New("no disk"))
	r.Fail("nobody", errors.New("no disk"))
	news, mark, _ := r.since(0, place)
	if n := r.find(t, place); n.State != "does not run" || n.Why != "no disk" || len(news) != 1 || news[0].Why != "no disk" || news[0].Name != "" {
		t.Errorf("got %+v, told %+v", n, news)
	}
	r.Drop(place)
	r.Drop("nobody")
	news, mark, _ = r.since(mark, place)
	if len(r.Nodes()) != 0 || len(news) != 1 || news[0].Lost == stream.Here || news[0].Name != "" {
		t.Errorf("got %+v, told %+v", r.Nodes(), news)
	}
	r.Own(mine, "site")
	if news, _, _ = r.since(mark, place); len(r.Nodes()) != 1 || len(news) != 1 || news[0].Lost != stream.Here {
		t.Errorf("again: got %+v, told %+v", r.Nodes(), news)
	}
}

// What is known goes up once, then what is new, not oftener than every step; at rest nothing.
func TestUpwardGoesWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		mine := stream.Report{ID: place, Who: stream.Who{Name: "relay", Role: stream.RoleRelay}}
		other := stream.Report{ID: "other", Who: stream.Who{Name: "relay", Role: stream.RoleRelay}}
		r.Own(mine, "site")
		r.Own(other, "docs")
		elsewhere := visit("c", "C")
		elsewhere.Place = "other"
		r.Came(elsewhere)
		leaf := visit("leaf", "L")
		r.Came(leaf)
		var mu sync.Mutex
		var heard []stream.Report
		rounds := 0
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			_ = r.Follow(ctx, place, func(news []stream.Report) error {
				mu.Lock()
				defer mu.Unlock()
				heard, rounds = append(heard, news...), rounds+1
				return nil
			})
		})
		time.Sleep(time.Hour)
		mu.Lock()
		if len(heard) != 2 || rounds != 1 || heard[0].ID != place || heard[0].Name != "" || heard[1].Name != "leaf" {
			t.Errorf("at first: %d rounds, %+v", rounds, heard)
		}
		heard, rounds = nil, 0
		mu.Unlock()
		for i := range 600 { // a minute
			r.Reported(leaf, own(leaf, "in step", journal.Seq(i)))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		if rounds < 20 || rounds > 40 || heard[len(heard)-1].Position.Seq != 599 {
			t.Errorf("%d rounds, last %+v", rounds, heard[len(heard)-1])
		}
		heard, rounds = nil, 0
		mu.Unlock()
		r.Own(mine, "site") // nothing new
		time.Sleep(time.Hour)
		r.Left(leaf, nil, stream.NoFault)
		time.Sleep(time.Minute)
		stop()
		running.Wait()
		if len(heard) != 1 || heard[0].Lost != stream.Unreachable || heard[0].Name != "leaf" {
			t.Errorf("when it left: %+v", heard)
		}
		broken := errors.New("broken")
		if err := r.Follow(t.Context(), "", func(news []stream.Report) error {
			if len(news) != 4 {
				t.Errorf("all is %+v", news)
			}
			return broken
		}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatIsKnownOutlivesTheProcess(t *testing.T) {
	folder := t.TempDir()
	book := mustOpen(t, folder)
	r := New()
	a, b := visit("a\xff", "A"), visit("b", "B")
	r.Came(a)
	full := beneath("L", "A", "leaf")
	full.Who = stream.Who{Name: "leaf", Role: stream.RoleRelay, Address: "192.0.2.9", Serves: ":1", Version: "v2", TLS: true, From: "wss://x/site", Tree: "site"}
	full.Situation = stream.Situation{State: "catching up", Why: "why", Percent: 43, Since: time.Now().UTC().Add(-time.Minute), Position: journal.Position{Epoch: journal.Epoch{7}, Seq: 3}, Behind: 5, Level: time.Now().UTC().Add(-time.Hour)}
	full.Verified = stream.Verified{At: time.Now().UTC().Add(-time.Hour), Missing: 1, Differs: 2, Repaired: 3}
	r.Reported(a, full)
	r.Came(b)
	r.Left(b, nil, stream.NoFault)
	gone := r.find(t, "B").LostSince
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx, book, func(err error) { t.Error(err) }) // the last things, at the end

	again := New()
	if err := again.Load(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	if n := again.find(t, "B"); n.Lost != stream.Unreachable || !n.LostSince.Equal(gone) || n.Parent != place {
		t.Errorf("b is %+v", n)
	}
	if n := again.find(t, "A"); n.Lost != stream.Unreachable || time.Since(n.LostSince) > time.Hour || n.Teller != "a\xff" {
		t.Errorf("a is %+v", n)
	}
	n := again.find(t, "L")
	full.Lost, full.LostSince = stream.Uncertain, n.LostSince
	if n.Report != full || n.Teller != "a\xff" {
		t.Errorf("leaf is\n%+v, was\n%+v", n.Report, full)
	}
	if len(again.unkept) != 0 {
		t.Errorf("%d rows are to be written again", len(again.unkept))
	}
	if nodes, err := Kept(t.Context(), book); err != nil || len(nodes) != 3 {
		t.Errorf("got %+v, %v", nodes, err)
	}
	// What it told lands where the city now is, once that is back.
	again.Came(visit("a\xff", "A"))
	if n := again.find(t, "A"); n.Lost != stream.Here {
		t.Errorf("a is %+v", n)
	}
	// And who is forgotten here is forgotten there.
	again.setLocked(key{"b", "B"}, nil)
	again.unkept[key{"b", "B"}] = true
	again.keep(t.Context(), book, func(err error) { t.Error(err) })
	if nodes, err := Kept(t.Context(), book); err != nil || len(nodes) != 2 {
		t.Errorf("got %+v, %v", nodes, err)
	}
}

func TestALedgerThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	book := mustOpen(t, t.TempDir())
	r := New()
	r.Came(visit("a", "A"))
	closed := mustOpen(t, t.TempDir())
	closed.Close()
	told := 0
	r.keep(t.Context(), closed, func(error) { told++ })
	r.keep(t.Context(), book, func(error) { told++ })
	if nodes, err := Kept(t.Context(), book); err != nil || len(nodes) != 1 || told != 1 {
		t.Errorf("got %+v, %v; told %d times", nodes, err, told)
	}
}

// Of two machines whose clocks differ, the reader's counts; and what is out of bounds is refused.
func TestALineIsReadByTheReadersClock(t *testing.T) {
	at := time.Now().UTC().Truncate(time.Second)
	rep := beneath("L", "A", "leaf")
	rep.Since, rep.Lost, rep.LostSince = at, stream.Uncertain, at
	l := LineOf(&rep)
	got, err := l.Report(time.Hour)
	if err != nil || !got.Since.Equal(at.Add(time.Hour)) || !got.LostSince.Equal(at.Add(time.Hour)) || !got.Level.IsZero() || got.Lost != stream.Uncertain {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, change := range map[string]func(*Line){
		"no role":      func(l *Line) { l.Role = "king" },
		"a long state": func(l *Line) { l.State = strings.Repeat("a", 65) },
		"101 percent":  func(l *Line) { l.Percent = 101 },
		"an epoch":     func(l *Line) { l.Epoch = "zz" },
		"lost without": func(l *Line) { l.LostSince = nil },
	} {
		bad := LineOf(&rep)
		change(&bad)
		if _, err := bad.Report(0); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// What a registry hears of a machine is that machine's word; it has no name in it.
func TestAMachineTellsARegistry(t *testing.T) {
	r := New()
	m := r.Come("machine mill", stream.Report{Who: stream.Who{Name: "mill", Address: "192.0.2.3"}}, "", "")
	if len(r.Nodes()) != 0 {
		t.Errorf("got %+v", r.Nodes())
	}
	m.Told(stream.Report{ID: "M", Parent: "C", Who: stream.Who{Role: stream.RoleRelay, From: "wss://capitol/site"}})
	m.Told(beneath("L", "M", "leaf"))
	m.Told(beneath("", "M", "nobody"))
	if n := r.find(t, "M"); n.Name != "mill" || n.Address != "192.0.2.3" || n.Parent != "C" {
		t.Errorf("got %+v", n)
	}
	if n := r.find(t, "L"); n.Parent != "M" || len(r.Nodes()) != 2 {
		t.Errorf("got %+v", r.Nodes())
	}
	// One that it has no more is no more here.
	m.Told(stream.Report{ID: "N", Who: stream.Who{Role: stream.RoleCity}})
	r.find(t, "N")
	m.Told(stream.Report{ID: "N", Who: stream.Who{Role: stream.RoleCity}, Lost: stream.Unreachable, LostSince: time.Now()})
	m.Told(stream.Report{ID: "O", Who: stream.Who{Role: stream.RoleCity}, Lost: stream.Unreachable, LostSince: time.Now()})
	if nodes := r.Nodes(); len(nodes) != 2 || !r.unkept[key{"machine mill", "N"}] {
		t.Errorf("got %+v", nodes)
	}
	capitol := visit("capitol", "C")
	r.Came(capitol)
	r.Reported(capitol, beneath("M", "C", "by another name"))
	m.Leave()
	later := beneath("M", "C", "by another name")
	later.Lost, later.LostSince = stream.Unreachable, time.Now().Add(lostTogether/2)
	r.Reported(capitol, later)
	if n := r.find(t, "M"); n.Name != "mill" || n.Lost != stream.Unreachable {
		t.Errorf("lost for both: got %+v", n)
	}
	if n := r.find(t, "M"); n.Lost != stream.Unreachable {
		t.Errorf("got %+v", n)
	}
	if n := r.find(t, "L"); n.Lost != stream.Uncertain {
		t.Errorf("got %+v", n)
	}
}
