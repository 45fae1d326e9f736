package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

func firstCopyRows() []*row {
	base := row{
		note:    "from the start of the processes until equal; confirmed: until the city's flushed journal is where the capitol's is",
		figures: []report.Figure{timeFigure, durableFigure, peakFigure},
		bounds:  []report.Bound{atMostTimes("time", 0.9, rsyncOnce)},
		floor:   "cp -a", who: everybodyAnd(rsyncOnce, rsyncFlushed), run: runFirstCopy}
	src, many := base, base
	src.name, src.title, src.prepare = "firstcopy", "first copy of the Go toolchain's src", prepareGoSource
	many.name, many.title = "firstcopy-many", "first copy of 100,000 files of 10 bytes in 1,000 directories"
	many.prepare = func(_ context.Context, l *lab, shared string) error {
		return tree.Plant(filepath.Join(shared, "src"), l.pick(100_000, 1000), l.pick(1000, 10), 10)
	}
	return []*row{&src, &many}
}

// prepareGoSource copies the toolchain's source (a part of it, if quick) to shared/src.
func prepareGoSource(ctx context.Context, l *lab, shared string) error {
	part := "."
	if l.quick {
		part = "encoding"
	}
	return shell(ctx, `cp -a "$(go env GOROOT)/src/$2/." "$1/"`, mustMake(filepath.Join(shared, "src")), part)
}

// mustMake makes a directory; what cannot be made is noticed by who uses it.
func mustMake(dir string) string {
	_ = os.MkdirAll(dir, 0o755)
	return dir
}

func runFirstCopy(ctx context.Context, a *attempt) (measured, error) {
	p := a.pair()
	p.src = filepath.Join(a.shared(), "src")
	switch {
	case a.floor:
		return a.floorCopy(ctx, p, `cp -a "$1/." "$2/"`)
	case a.who.copy != nil:
		return a.copyOnce(ctx, p)
	}
	states, err := tree.States(p.src, "")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	f, err := a.who.follow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.stop()
	return a.clock(ctx, f, p, began, states, 0)
}
