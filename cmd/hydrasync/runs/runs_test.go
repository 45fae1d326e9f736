package runs

import (
	"context"
	"errors"
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
