package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// The rows with a million paths share one tree, one copy of it and one
// capitol's state, which are made when the first of them runs.

// smaller is the reference of what must not grow with the tree.
const smaller = "hydrasync, 10,000 paths"

func millionRows() []*row {
	return []*row{
		{name: "start-million", large: true, title: "start of a capitol on an unchanged tree of 1,000,000 files", note: "from its start until it tells of the whole tree; both with a warm cache",
			figures: []report.Figure{timeFigure, peakFigure}, bounds: []report.Bound{atMostTimes("time", 1.5, "find -printf")},
			floor: "find -printf", who: []string{hydrasync}, run: runStartMillion},
		{name: "away-million", large: true, title: "1,000 changes in a tree of 1,000,000 paths while the city was away", note: "from the city's start until equal; peak: of the capitol meanwhile and the city together",
			figures: []report.Figure{timeFigure, durableFigure, wireFigure, peakFigure},
			bounds:  []report.Bound{atMostTimes("time", 2, smaller), atMostTimes("wire", 1.2, smaller), atMostTimes("peak", 2, smaller)},
			floor:   smaller, durable: true, who: []string{hydrasync}, run: runAwayMillion},
		{name: "rest-million", large: true, title: "1,000,000 files, 60 s idle after a restart", note: "capitol and city together",
			figures: []report.Figure{rssFigure, onceFigure, cpuFigure}, bounds: []report.Bound{atMost("rss", 150<<20), atMost("cpu", 0.001)},
			who: []string{hydrasync}, run: runRestMillion},
	}
}

// hydra is the contestant that floors of its own kind borrow.
func (l *lab) hydra() *contestant {
	for _, c := range l.contestants {
		if c.name == hydrasync {
			return c
		}
	}
	return newHydrasync(l.program)
}

// keptPair is a tree of so many empty files with its copy.
func (a *attempt) keptPair(ctx context.Context, files, dirs int) (pair, error) {
	dir, err := a.keep("tree-"+strconv.Itoa(files), func(dir string) error {
		p := pairIn(dir)
		for _, d := range []string{p.src, p.dst, p.own} {
			if err := os.Mkdir(d, 0o755); err != nil {
				return err
			}
		}
		if err := tree.Plant(p.src, files, dirs, 0); err != nil {
			return err
		}
		h, err := a.startKept(ctx, p)
		if err != nil {
			return err
		}
		defer h.stop()
		return tree.Judge{Carries: tree.Everything, Skip: a.hydra().skip}.Prove(p.src, p.dst)
	})
	return pairIn(dir), err
}

func pairIn(dir string) pair {
	return pair{src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst"), own: filepath.Join(dir, "own")}
}

func (a *attempt) million(ctx context.Context) (pair, error) {
	return a.keptPair(ctx, a.pick(1_000_000, 5000), a.pick(1000, 20))
}

// largePatience is for a first copy of a million files.
const largePatience = 20 * time.Minute

// startKept starts both ends and waits until the city has confirmed all that
// the capitol's walk found.
func (a *attempt) startKept(ctx context.Context, p pair) (*highway, error) {
	ctx, cancel := context.WithTimeout(ctx, largePatience)
	defer cancel()
	f, err := a.hydra().follow(ctx, p)
	if err != nil {
		return nil, err
	}
	h, ok := f.(*highway)
	if !ok {
		return nil, errors.New("hydrasync is no highway")
	}
	if err = h.ready(ctx); err == nil {
		err = h.awaited(ctx)
	}
	if err != nil {
		h.stop()
		return nil, a.explain(err, h)
	}
	return h, nil
}

func runStartMillion(ctx context.Context, a *attempt) (measured, error) {
	p, err := a.million(ctx)
	if err != nil {
		return nil, err
	}
	const find = `find "$1" -printf '%p %y %s %T@ %C@ %i %m\n' > /dev/null`
	if err := shell(ctx, find, p.src); err != nil { // the cache is warm then
		return nil, err
	}
	began := time.Now()
	if a.floor {
		err := shell(ctx, find, p.src)
		return measured{"time": time.Since(began).Seconds()}, err
	}
	h := &highway{program: a.program, pair: p}
	defer h.stop()
	if err := h.startCapitol(ctx); err != nil {
		return nil, err
	}
	if err := h.ready(ctx); err != nil {
		return nil, err
	}
	out := measured{"time": time.Since(began).Seconds(), "peak": float64(usageOf(h.processes()).peak)}
	return out, nil
}

func runAwayMillion(ctx context.Context, a *attempt) (measured, error) {
	p, err := a.million(ctx)
	files, dirs := a.pick(1_000_000, 5000), a.pick(1000, 20)
	if a.floor {
		files, dirs = a.pick(10_000, 1000), 100
		p, err = a.keptPair(ctx, files, dirs)
		a.who = a.hydra()
	}
	if err != nil {
		return nil, err
	}
	h, err := a.startKept(ctx, p)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	a.rest()
	if err := h.away(); err != nil {
		return nil, err
	}
	states, err := a.writeSome(p.src, files, dirs)
	if err != nil {
		return nil, err
	}
	a.rest()
	forgetPeak(h.capitol.pid())
	began := time.Now()
	if err := h.back(ctx); err != nil {
		return nil, err
	}
	return a.clock(ctx, h, p, began, states, 0)
}

// writeSome gives a thousand files, all over the tree, a line that they never had.
func (a *attempt) writeSome(root string, files, dirs int) (states []tree.State, err error) {
	n := a.pick(1000, 50)
	for i := range n {
		path := tree.PlantedPath((i*(files/n)+i)%files, dirs)
		text := fmt.Sprintf("line %d of %d\n", i, time.Now().UnixNano())
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			return nil, err
		}
		s, err := tree.Of(root, path)
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// forgetPeak makes a process's peak begin anew (proc_pid_clear_refs(5)).
func forgetPeak(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0) // without the right to, the peak is of its whole life
}

func runRestMillion(ctx context.Context, a *attempt) (measured, error) {
	p, err := a.million(ctx)
	if err != nil {
		return nil, err
	}
	h, err := a.startKept(ctx, p)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	if err := quiet(ctx, h); err != nil {
		return nil, err
	}
	a.rest()
	return idle(ctx, a, h)
}

// quiet waits until what was just started has come to its end: a city looks through
// all that it has at the start.
func quiet(ctx context.Context, f following) error {
	ctx, cancel := context.WithTimeout(ctx, largePatience)
	defer cancel()
	for before := usageOf(f.processes()); ; {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		now := usageOf(f.processes())
		if now.cpu-before.cpu <= tick {
			return nil
		}
		before = now
	}
}
