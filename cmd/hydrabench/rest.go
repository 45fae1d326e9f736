package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

func restRows() []*row {
	return []*row{{name: "rest", title: "100,000 files, 60 s idle after the first copy", note: "all processes of a contestant together",
		figures: []report.Figure{rssFigure, onceFigure, cpuFigure}, bounds: []report.Bound{atMost("rss", 40<<20), atMost("cpu", 0.001)}, who: followers,
		prepare: func(_ context.Context, l *lab, shared string) error {
			return tree.Plant(filepath.Join(shared, "src"), l.pick(100_000, 1000), l.pick(1000, 10), 10)
		},
		run: func(ctx context.Context, a *attempt) (measured, error) {
			p := a.pair()
			p.src = filepath.Join(a.shared(), "src")
			f, err := a.settled(ctx, p)
			if err != nil {
				return nil, err
			}
			defer f.stop()
			return idle(ctx, a, f)
		}}}
}

// idle looks at processes that have nothing to do.
func idle(ctx context.Context, a *attempt, f following) (measured, error) {
	lasts := time.Duration(a.pick(60, 2)) * time.Second
	before, began := usageOf(f.processes()), time.Now()
	select {
	case <-time.After(lasts):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after := usageOf(f.processes())
	return measured{"rss": float64(after.resident), "once": float64(after.once), "cpu": (after.cpu - before.cpu).Seconds() / time.Since(began).Seconds()}, nil
}
