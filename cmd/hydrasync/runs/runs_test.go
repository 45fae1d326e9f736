package runs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// paper is a ledger that counts how often it is lent, and may be out of reach.
type paper struct {
	book  *ledger.Ledger
	mu    sync.Mutex
	lent  int
	fails error
}

func newPaper(t *testing.T) *paper {
	t.Helper()
	b, err := ledger.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &paper{book: b}
}

func (p *paper) lend(_ context.Context, do func(*ledger.Ledger) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent++
	if p.fails != nil {
		return p.fails
	}
	return do(p.book)
}

// lines is what is written so far, the oldest first.
func (p *paper) lines(t *testing.T, l *Log) []ledger.Run {
	t.Helper()
	l.flush(t.Context())
	runs, err := p.book.Runs(t.Context(), ledger.Asked{})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(runs)-1; i < j; i, j = i+1, j-1 {
		runs[i], runs[j] = runs[j], runs[i]
	}
	return runs
}

const from = "ws://capitol/site"

func connected(since time.Time) stream.State {
	return stream.State{Phase: stream.Connected, From: from, Since: since, Welcome: stream.Welcome{Mode: stream.Full, Reason: "new"}}
}

func waiting(since time.Time, err error, whose stream.Fault) stream.State {
	return stream.State{Phase: stream.Waiting, From: from, Since: since, Err: err, Fault: whose}
}

func TestAConnectionIsOneLineHoweverLongItGoesOn(t *testing.T) {
	p, now := newPaper(t), time.Now()
	c := NewCity(p.lend, "berlin", "site", zerolog.Nop())
	s := Seen{Link: connected(now)}
	c.Hear(&s)
	if got := p.lines(t, c.Log); len(got) != 0 {
		t.Fatalf("before anything came: %+v", got)
	}
	s.Began = now.Add(time.Second)
	for range 3 {
		s.Entries += 5
		s.Bytes += 100
		c.Hear(&s)
		if got := p.lines(t, c.Log); len(got) != 1 || got[0].Entries != s.Entries || !got[0].At.IsZero() || got[0].Mode != stream.Full.String() || got[0].City != "berlin" {
			t.Fatalf("got %+v", got)
		}
	}
	lent := p.lent
	c.Hear(&s) // a heartbeat: nothing came
	p.lines(t, c.Log)
	if p.lent != lent {
		t.Error("a heartbeat is written")
	}
	s.Link = waiting(now.Add(time.Minute), errors.New("cut"), stream.FaultInBetween)
	c.Hear(&s)
	got := p.lines(t, c.Log)
	if len(got) != 1 || got[0].Result != ledger.Warning || got[0].Fault != "network" || got[0].Said != "cut" || got[0].Bytes != 300 {
		t.Fatalf("got %+v", got)
	}
	// Outside of its hours a city is not connected, and that is no attempt.
	c.Hear(&Seen{Link: waiting(now.Add(90*time.Second), errors.New("resting"), stream.NoFault)})
	if got := p.lines(t, c.Log); len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	// The counters of the connection before are not the next one's.
	s.Link = connected(now.Add(2 * time.Minute))
	c.Hear(&s)
	c.Stop(from, nil)
	if got := p.lines(t, c.Log); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsInVainIsCounted(t *testing.T) {
	p, now := newPaper(t), time.Now()
	c := NewCity(p.lend, "", "site", zerolog.Nop())
	for i := range 5 {
		at := now.Add(time.Duration(i) * time.Second)
		c.Hear(&Seen{Link: waiting(at, errors.New("refused"), stream.FaultInBetween)})
		c.Hear(&Seen{Link: waiting(at, errors.New("refused"), stream.FaultInBetween)}) // something else changed
		if i%2 == 0 {
			p.lines(t, c.Log)
		}
	}
	// A connection that brings nothing and breaks is one more.
	c.Hear(&Seen{Link: connected(now.Add(time.Minute))})
	c.Hear(&Seen{Link: waiting(now.Add(2*time.Minute), errors.New("refused"), stream.FaultInBetween)})
	got := p.lines(t, c.Log)
	if len(got) != 1 || got[0].Tries != 6 || got[0].Kind != ledger.Attempt {
		t.Fatalf("got %+v", got)
	}
	c.Stop(from, &stream.RefusedError{Status: 401, Text: "no"})
	got = p.lines(t, c.Log)
	if len(got) != 2 || got[1].Result != ledger.Fatal || got[1].Fault != "remote" {
		t.Errorf("got %+v", got)
	}
}

func TestACapitolHasALineOfEachSessionAndRefusal(t *testing.T) {
	p := newPaper(t)
	c := NewCapitol(p.lend, zerolog.Nop())
	visits := []*stream.Visit{{City: "a", Tree: "site", Since: time.Now()}, {City: "b", Tree: "site", Since: time.Now()}, {City: "c", Tree: "site", Since: time.Now()}}
	for _, v := range visits {
		c.Came(v)
	}
	if got := p.lines(t, c.Log); len(got) != 3 || got[0].City != "a" || !got[0].At.IsZero() {
		t.Fatalf("got %+v", got)
	}
	lent := p.lent
	c.flush(t.Context())
	if p.lent != lent {
		t.Error("nothing was sent, and it is written")
	}
	c.Left(visits[0], nil, stream.NoFault)
	c.Left(visits[1], errors.New("reset"), stream.FaultInBetween)
	c.Left(visits[2], errors.New("nonsense"), stream.FaultRemote)
	for range 3 {
		c.Refused(stream.Refusal{City: "d", Remote: "192.0.2.1", Reason: "revoked credential"})
	}
	got := p.lines(t, c.Log)
	if len(got) != 4 || got[0].Result != ledger.OK || got[1].Result != ledger.Warning || got[2].Result != ledger.Failed || got[2].Said != "nonsense" {
		t.Fatalf("got %+v", got)
	}
	if r := got[3]; r.Tries != 3 || r.City != "d" || r.Said != "revoked credential" || r.Result != ledger.Failed {
		t.Errorf("got %+v", r)
	}
}

func TestALedgerOutOfReachStopsNothingAndIsFilledLater(t *testing.T) {
	p := newPaper(t)
	p.fails = errors.New("disk full")
	c := NewCapitol(p.lend, zerolog.Nop())
	v := &stream.Visit{City: "a", Since: time.Now()}
	c.Came(v)
	c.flush(t.Context())
	for i := range 2 * maxWaiting {
		c.Refused(stream.Refusal{Remote: time.Duration(i).String()})
	}
	if len(c.waiting) > maxWaiting {
		t.Errorf("%d lines wait", len(c.waiting))
	}
	p.fails = nil
	c.Left(v, nil, stream.NoFault)
	got := p.lines(t, c.Log)
	if len(got) == 0 || got[0].City != "a" || got[0].Result != ledger.OK {
		t.Errorf("got %+v", got[:min(len(got), 2)])
	}
}

// What waits when the process ends is written, and at rest nobody asks for the ledger.
func TestTheLogSleepsAtRestAndEndsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lent atomic.Int64
		book := func(context.Context, func(*ledger.Ledger) error) error { lent.Add(1); return nil }
		c := NewCity(book, "", "site", zerolog.Nop())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx, false) })
		time.Sleep(time.Hour)
		if n := lent.Load(); n != 0 {
			t.Errorf("at rest it is lent %d times", n)
		}
		s := Seen{Link: connected(time.Now())}
		c.Hear(&s)
		s.Began = time.Now().Add(1)
		for range 600 {
			s.Entries++
			c.Hear(&s)
			time.Sleep(time.Second)
		}
		if n := lent.Load(); n < 2 || n > 12 {
			t.Errorf("ten minutes of changes are written %d times", n)
		}
		before := lent.Load()
		c.Stop(from, nil)
		stop()
		running.Wait()
		if lent.Load() == before {
			t.Error("the last line is not written")
		}
	})
}

// A city that is held is sent the same again and again, and confirms nothing: for the capitol that is one line.
func TestWhoComesInVainIsOneLineOnTheCapitol(t *testing.T) {
	p := newPaper(t)
	c := NewCapitol(p.lend, zerolog.Nop())
	start := time.Now()
	c.now = func() time.Time { return start.Add(time.Second) }
	stay := func(v *stream.Visit, why error, whose stream.Fault) {
		c.Came(v)
		if got := p.lines(t, c.Log); !slices.ContainsFunc(got, func(r ledger.Run) bool { return r.At.IsZero() }) {
			t.Errorf("while it is here: %+v", got)
		}
		c.Left(v, why, whose)
	}
	held := func(after time.Duration) *stream.Visit {
		return &stream.Visit{City: "a", Tree: "site", Remote: "192.0.2.1", Since: start.Add(after), Mode: stream.Resume, Reason: "5 entries behind"}
	}
	for i := range 4 {
		stay(held(time.Duration(i)*time.Second), nil, stream.NoFault)
	}
	got := p.lines(t, c.Log)
	if len(got) != 1 || got[0].Tries != 4 || got[0].Result != ledger.OK || !got[0].Began.Equal(start) {
		t.Fatalf("got %+v", got)
	}
	other := held(5 * time.Second)
	other.Tree = "docs"
	compared := held(6 * time.Second)
	compared.Mode = stream.Full
	stay(other, nil, stream.NoFault)
	stay(compared, nil, stream.NoFault)
	late := held(2 * time.Hour)
	late.Tree = "docs"
	stay(late, nil, stream.NoFault)
	if got := p.lines(t, c.Log); len(got) != 4 {
		t.Errorf("another tree, another mode, and much later: got %+v", got)
	}
	// What came before in the same line is added to; and one that came to something has its own line.
	c.vain[visitor{"a", "site", "192.0.2.1"}].Entries = 95
	well := held(7 * time.Second)
	well.Mode = stream.Full
	well.Confirm()
	stay(well, nil, stream.NoFault)
	next := held(8 * time.Second)
	next.Mode = stream.Full
	stay(next, nil, stream.NoFault)
	got = p.lines(t, c.Log)
	if len(got) != 5 || got[2].Entries != 95 || got[2].Tries != 2 || got[3].Tries != 1 {
		t.Errorf("got %+v", got)
	}
}

// What a city refuses after a part of it came, comes again: one line, in which all is added up.
func TestWhatIsRefusedAgainIsOneLineOnTheCity(t *testing.T) {
	p, now := newPaper(t), time.Now()
	c := NewCity(p.lend, "", "site", zerolog.Nop())
	turn := func(i int, said string, whose stream.Fault) {
		s := Seen{Link: connected(now.Add(time.Duration(10*i) * time.Second))}
		c.Hear(&s)
		s.Began = now.Add(time.Duration(10*i+1) * time.Second)
		c.Hear(&s) // nothing yet
		s.Entries, s.Bytes = 3, 7
		c.Hear(&s)
		p.lines(t, c.Log)
		c.Hear(&Seen{Link: waiting(now.Add(time.Duration(10*i+5)*time.Second), errors.New(said), whose)})
	}
	for i := range 3 {
		turn(i, "held", stream.FaultLocal)
	}
	got := p.lines(t, c.Log)
	if len(got) != 1 || got[0].Tries != 3 || got[0].Entries != 9 || got[0].Bytes != 21 || got[0].Said != "held" || got[0].Result != ledger.Failed {
		t.Fatalf("got %+v", got)
	}
	turn(3, "cut", stream.FaultInBetween) // it was confirmed: the line goes on, and ends otherwise
	turn(4, "cut", stream.FaultInBetween)
	got = p.lines(t, c.Log)
	if len(got) != 2 || got[0].Tries != 4 || got[0].Said != "cut" || got[1].Tries != 1 || got[1].Entries != 3 {
		t.Errorf("got %+v", got)
	}
}

// The counters of the connection before are not the next one's, until the next has begun.
func TestALineCountsItsOwnConnectionOnly(t *testing.T) {
	p, now := newPaper(t), time.Now()
	c := NewCity(p.lend, "", "site", zerolog.Nop())
	s := Seen{Link: connected(now)}
	c.Hear(&s)
	s.Began, s.Entries, s.Bytes = now.Add(time.Second), 50, 500
	c.Hear(&s)
	s.Link = connected(now.Add(time.Minute)) // at once the next one; Began is still that of the one before
	c.Hear(&s)
	c.Hear(&s)
	if got := p.lines(t, c.Log); len(got) != 1 || got[0].At.IsZero() {
		t.Fatalf("got %+v", got)
	}
	s.Began, s.Entries, s.Bytes = now.Add(time.Minute+time.Second), 2, 3
	c.Hear(&s)
	got := p.lines(t, c.Log)
	if len(got) != 2 || got[0].Entries != 50 || got[1].Entries != 2 || got[1].Bytes != 3 {
		t.Errorf("got %+v", got)
	}
}

// What was not yet written when the process ends, is; with what came since the last time.
func TestTheLastLinesAreWrittenWithTheirLastNumbers(t *testing.T) {
	p, now := newPaper(t), time.Now()
	c := NewCity(p.lend, "", "site", zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx, false) })
	s := Seen{Link: connected(now)}
	c.Hear(&s)
	s.Began, s.Entries = now.Add(time.Second), 1
	c.Hear(&s)
	await(t, func() bool { return len(mustRuns(t, p)) == 1 }) // the first of it is written at once
	s.Entries = 42                                            // this would wait for a step
	c.Hear(&s)
	stop()
	running.Wait()
	if got := mustRuns(t, p); len(got) != 1 || got[0].Entries != 42 || !got[0].At.IsZero() {
		t.Errorf("got %+v", got)
	}
}

// What a process of this replica left open is ended by the next one, not what the capitol here wrote, or of
// another tree; and without an earlier life the ledger is not even made.
func TestTheCityEndsWhatAnEarlierLifeLeftOpen(t *testing.T) {
	p, now := newPaper(t), time.Now()
	for _, r := range []ledger.Run{{Side: ledger.AtCity, Tree: "site"}, {Side: ledger.AtCity, Tree: "docs"}, {Side: ledger.AtCapitol, Tree: "site"}} {
		r.Kind, r.Began = ledger.Session, now
		if err := p.book.Record(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	NewCity(p.lend, "", "site", zerolog.Nop()).Run(over, false)
	if p.lent != 0 {
		t.Errorf("without an earlier life the ledger is lent %d times", p.lent)
	}
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { NewCity(p.lend, "", "site", zerolog.Nop()).Run(ctx, true) })
	await(t, func() bool {
		for _, r := range mustRuns(t, p) {
			if r.Side == ledger.AtCity && r.Tree == "site" {
				return r.Result == ledger.Warning && !r.At.IsZero()
			}
		}
		return false
	})
	end()
	running.Wait()
	for _, r := range mustRuns(t, p) {
		if (r.Side == ledger.AtCapitol || r.Tree == "docs") && !r.At.IsZero() {
			t.Errorf("ended too: %+v", r)
		}
	}
}

func mustRuns(t *testing.T, p *paper) []ledger.Run {
	t.Helper()
	runs, err := p.book.Runs(t.Context(), ledger.Asked{})
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func await(t *testing.T, good func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if good() {
			return
		}
	}
	t.Fatal("it does not come to that")
}
