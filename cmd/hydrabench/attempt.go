package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// attempt is one contestant at one row, once.
type attempt struct {
	*lab
	row   *row
	who   *contestant
	line  *report.Line
	floor bool
	dir   string
}

func (a *attempt) src() string    { return filepath.Join(a.dir, "src") }
func (a *attempt) dst() string    { return filepath.Join(a.dir, "dst") }
func (a *attempt) own() string    { return filepath.Join(a.dir, "own") }
func (a *attempt) shared() string { return filepath.Join(a.dir, "..", "shared") }

func (a *attempt) pair() pair { return pair{src: a.src(), dst: a.dst(), own: a.own()} }

func (a *attempt) judge() tree.Judge { return tree.Judge{Carries: a.who.carries, Skip: a.who.skip} }

// equal waits until the destination shows states, proves that it is the source
// byte for byte, and returns when it was.
func (a *attempt) equal(ctx context.Context, f following, p pair, states []tree.State) (time.Time, error) {
	ctx, cancel := a.patient(ctx, f)
	defer cancel()
	at, err := tree.Watch{Root: p.dst, Carries: a.who.carries}.Until(ctx, states)
	if err == nil {
		at, err = a.prove(ctx, p, at)
	}
	return at, a.explain(err, f)
}

// prove compares byte for byte what was seen to be there at that time. A proof that fails is tried
// again as long as there is patience, and the time is then when the one that succeeded began.
func (a *attempt) prove(ctx context.Context, p pair, at time.Time) (time.Time, error) {
	err := a.judge().Prove(p.src, p.dst)
	for wait := firstWait; err != nil && ctx.Err() == nil; wait = min(wait*3/2, lastWait) {
		tree.Pause(wait)
		at = time.Now()
		err = a.judge().Prove(p.src, p.dst)
	}
	return at, err
}

// The waits between two proofs, which read everything: soon at first, then so
// rarely that they disturb nobody for long.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = time.Second
)

// patient is a context that ends when there is no patience left, or with any of
// the contestant's processes: nothing more will come then.
func (a *attempt) patient(ctx context.Context, f following) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	for _, p := range f.processes() {
		if !p.mayEnd {
			go func() {
				select {
				case <-p.ended:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
	}
	return ctx, cancel
}

// explain adds what the contestant said to an error.
func (a *attempt) explain(err error, f following) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("not equal within %v: %w\n%s", a.patience, err, saidBy(f))
}

// clock stops when dst is equal to src. For hydrasync it also tells when the city had everything on
// the disk, and what went over the wire beyond the bytes before.
func (a *attempt) clock(ctx context.Context, f following, p pair, began time.Time, states []tree.State, before int64) (measured, error) {
	ctx, cancel := a.patient(ctx, f)
	defer cancel()
	at, err := tree.Watch{Root: p.dst, Carries: a.who.carries}.Until(ctx, states)
	if err != nil {
		return nil, a.explain(err, f)
	}
	out := measured{}
	if h, ok := f.(*highway); ok {
		confirmed, err := h.confirmed(ctx)
		if err != nil {
			return nil, a.explain(err, f)
		}
		carried, err := h.carried()
		if err != nil {
			return nil, err
		}
		out["durable"], out["wire"] = confirmed.Sub(began).Seconds(), float64(carried.Both()-before)
	}
	at, err = a.prove(ctx, p, at)
	out["time"], out["peak"] = at.Sub(began).Seconds(), float64(usageOf(f.processes()).peak)
	return out, a.explain(err, f)
}

// settled starts the contestant on p and waits until both trees are equal and
// it has come to rest. What is measured comes after.
func (a *attempt) settled(ctx context.Context, p pair) (following, error) {
	f, err := a.who.follow(ctx, p)
	if err != nil {
		return nil, err
	}
	states, err := tree.States(p.src, "")
	if err == nil {
		_, err = a.equal(ctx, f, p, states)
	}
	if err != nil {
		f.stop()
		return nil, fmt.Errorf("first copy: %w", err)
	}
	a.rest()
	return f, nil
}

// rest lets the contestant and the disk come to rest.
func (a *attempt) rest() {
	time.Sleep(a.who.calm)
	unix.Sync()
}

// carriedBy is what went over the wire so far, where that can be told.
func carriedBy(f following) (int64, error) {
	h, ok := f.(*highway)
	if !ok {
		return 0, nil
	}
	c, err := h.carried()
	return c.Both(), err
}
