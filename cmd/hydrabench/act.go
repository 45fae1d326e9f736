package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// act is something that is done to a tree that is followed.
type act struct {
	plant func(ctx context.Context, a *attempt, src string) error
	// deed prepares what is done; only what it returns is on the clock.
	deed func(a *attempt, src string) (deed, error)
	// fromEnd starts the clock when the deed is done, not when it begins.
	fromEnd bool
	// away does the deed while the receiving end is away; the clock starts when it comes back.
	away  bool
	flags []string // of the city
}

// deed is what is done, and what has to be seen afterwards.
type deed struct {
	do     func(ctx context.Context) error
	states func() ([]tree.State, error)
}

// run is a row's: the floor does the deed, a copier copies after it, a follower
// is waited for.
func (t act) run(ctx context.Context, a *attempt) (measured, error) {
	if err := t.plant(ctx, a, a.src()); err != nil {
		return nil, err
	}
	switch {
	case a.floor:
		unix.Sync()
		began, err := t.done(ctx, a)
		return measured{"time": time.Since(began).Seconds()}, err
	case a.who.copy != nil:
		return t.copied(ctx, a)
	}
	return t.followed(ctx, a)
}

// done does the deed where nobody follows, and returns when it began.
func (t act) done(ctx context.Context, a *attempt) (time.Time, error) {
	d, err := t.deed(a, a.src())
	if err != nil {
		return time.Time{}, err
	}
	began := time.Now()
	return began, d.do(ctx)
}

// copied is one copy, after the deed, onto an earlier one.
func (t act) copied(ctx context.Context, a *attempt) (measured, error) {
	if err := a.who.copy(ctx, a.src(), a.dst()); err != nil {
		return nil, err
	}
	unix.Sync()
	if _, err := t.done(ctx, a); err != nil {
		return nil, err
	}
	return a.copyOnce(ctx, a.pair())
}

func (t act) followed(ctx context.Context, a *attempt) (measured, error) {
	p := a.pair()
	p.cityFlags = t.flags
	f, err := a.settled(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.stop()
	d, err := t.deed(a, p.src)
	if err != nil {
		return nil, err
	}
	if t.away {
		return t.whileAway(ctx, a, f, p, d)
	}
	before, err := carriedBy(f)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := d.do(ctx); err != nil {
		return nil, err
	}
	acted := time.Now()
	states, err := d.states()
	if err != nil {
		return nil, err
	}
	if t.fromEnd {
		return a.clock(ctx, f, p, acted, states, before)
	}
	out, err := a.clock(ctx, f, p, began, states, before)
	if err == nil {
		out["act"] = acted.Sub(began).Seconds()
	}
	return out, err
}

// whileAway measures the catching up. A city that comes back has a new connection, which has carried nothing yet.
func (t act) whileAway(ctx context.Context, a *attempt, f following, p pair, d deed) (measured, error) {
	if err := f.away(); err != nil {
		return nil, err
	}
	if err := d.do(ctx); err != nil {
		return nil, err
	}
	states, err := d.states()
	if err != nil {
		return nil, err
	}
	a.rest()
	began := time.Now()
	if err := f.back(ctx); err != nil {
		return nil, err
	}
	return a.clock(ctx, f, p, began, states, 0)
}
