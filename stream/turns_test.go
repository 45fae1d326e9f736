package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

// guest is a city that asks for turns.
type guest struct {
	*turn
	wrote time.Time
}

func (o *turns) guest(follows bool) *guest {
	g := new(guest)
	g.turn = o.join(100, follows, func() time.Time { return g.wrote })
	return g
}

// has says whether it may be sent that much now.
func (g *guest) has(n int) bool { return g.ask(n) == nil }

func TestSoManyCitiesHaveATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTurns(2, time.Minute)
		a, b, c, d := o.guest(false), o.guest(false), o.guest(false), o.guest(false)
		if !a.has(0) || !b.has(1) || c.has(0) || d.has(0) || !a.has(1<<20) || c.has(0) || !c.inLine() || a.inLine() {
			t.Error("not the first two have a turn")
		}
		a.confirmed(99, 200)
		if c.has(0) {
			t.Error("who is not up to date has given up its turn")
		}
		a.confirmed(100, 200)
		if d.has(0) || !c.has(0) || c.inLine() {
			t.Error("the turn was not the next one's")
		}
		b.give() // cut
		if !d.has(0) {
			t.Error("the turn of who was cut is lost")
		}
		if !a.has(turnFree) || a.has(1) {
			t.Error("who follows gets not a little, or much, without a turn")
		}
		a.confirmed(200, 300)
		if a.has(1) {
			t.Error("what was told later counts as confirmed")
		}
		a.confirmed(300, 300)
		if !a.has(turnFree-1) || a.has(2) {
			t.Error("what was confirmed counts still, or does not count any more")
		}
		c.give()
		if !a.has(1 << 30) {
			t.Error("who follows gets no turn")
		}
		a.confirmed(300, 300)
		a.confirmed(300, 300)
		if e := o.guest(false); !e.has(0) {
			t.Error("who follows keeps its turn")
		}
	})
}

func TestWhoStandsStillHasHadItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTurns(1, time.Minute)
		still, next := o.guest(false), o.guest(false)
		if !still.has(0) {
			t.Fatal("nobody is there")
		}
		time.Sleep(time.Hour)
		if !still.has(1) {
			t.Error("it lost its turn to nobody")
		}
		still.wrote = time.Now()
		wait := next.ask(0)
		time.Sleep(59 * time.Second)
		if next.has(0) {
			t.Error("it lost its turn too early")
		}
		if err := next.await(t.Context(), wait, time.Now().Add(time.Hour)); err != nil { // it looks by itself
			t.Fatal(err)
		}
		if !next.has(0) || still.has(0) || !still.inLine() {
			t.Error("who stands still keeps its turn")
		}
		next.give()
		if !still.has(0) {
			t.Error("its place in line is lost")
		}
	})
}

func TestWhoIsSlowIsNotAloneForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTurns(1, time.Minute)
		slow, next := o.guest(false), o.guest(false)
		slow.has(0)
		next.ask(0)
		for range turnSlices - 1 {
			time.Sleep(time.Minute)
			if slow.wrote = time.Now(); next.has(0) {
				t.Fatal("who moves has lost its turn")
			}
		}
		time.Sleep(time.Minute)
		if slow.wrote = time.Now(); !next.has(0) {
			t.Error("who waits gets no turn")
		}
	})
}

func TestWithoutABoundNobodyWaits(t *testing.T) {
	o := newTurns(0, 0)
	for range 100 {
		if g := o.guest(false); !g.has(1<<40) || g.inLine() {
			t.Fatal("it waits")
		}
	}
}
