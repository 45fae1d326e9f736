package main

import (
	"context"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// copyOnce lets a copier copy, and measures it by what everybody is measured
// by: the destination, which is equal some time before rsync has ended. Only who
// flushes is on the disk when it ends.
func (a *attempt) copyOnce(ctx context.Context, p pair) (measured, error) {
	states, err := tree.States(p.src, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	var end time.Time
	go func() {
		err := a.who.copy(ctx, p.src, p.dst)
		end = time.Now()
		if err != nil {
			cancel() // there is nothing to wait for
		}
		ended <- err
	}()
	at, missing := tree.Watch{Root: p.dst, Carries: a.who.carries}.Until(ctx, states)
	if err := <-ended; err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	out := measured{"time": at.Sub(began).Seconds()}
	if a.who.durable {
		out["durable"] = end.Sub(began).Seconds()
	}
	return out, a.judge().Prove(p.src, p.dst)
}

// floorCopy times a line of shell from its start to its end, and proves what it made.
func (a *attempt) floorCopy(ctx context.Context, p pair, line string) (measured, error) {
	began := time.Now()
	if err := shell(ctx, line, p.src, p.dst); err != nil {
		return nil, err
	}
	out := measured{"time": time.Since(began).Seconds()}
	if a.who.durable {
		out["durable"] = out["time"]
	}
	return out, tree.Judge{Carries: tree.Everything}.Prove(p.src, p.dst)
}
