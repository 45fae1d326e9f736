package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

func liveRows() []*row {
	title := "200 single files of 1 KiB, new and overwritten, at random moments in a tree of 10,000"
	figures := []report.Figure{medianFigure, p99Figure, worstFigure}
	temps := report.Figure{Key: "temps", Label: "entries for temporary names", Unit: report.Count}
	return []*row{
		{name: "live", title: title, note: "from close() until the same bytes can be read; floor: write and fsync of one such file",
			figures: figures, bounds: []report.Bound{atMost("median", 0.005), atMost("p99", 0.025)},
			floor: "write + fsync", durable: true, who: followers,
			run: func(ctx context.Context, a *attempt) (measured, error) { return runLive(ctx, a, writePlain) }},
		{name: "editor", title: "the same by an editor: a temporary file, fsync, rename over", note: "from rename() until the same bytes can be read",
			figures: append(figures, temps), bounds: []report.Bound{atMost("median", 0.005), atMost("temps", 0)},
			floor: "write + fsync", durable: true, who: followers,
			run: func(ctx context.Context, a *attempt) (measured, error) { return runLive(ctx, a, writeAsEditor) }},
	}
}

// save is one file that is written, and how long it took to arrive.
type save struct {
	path    string
	content []byte
	began   time.Time
	lag     time.Duration
}

// tempMark is in the names of an editor's temporary files.
const tempMark = ".hydrabench-swp~"

func writePlain(root string, s *save) error {
	f, err := os.OpenFile(filepath.Join(root, s.path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(s.content); err != nil {
		f.Close()
		return err
	}
	s.began = time.Now()
	return f.Close()
}

func writeAsEditor(root string, s *save) error {
	path := filepath.Join(root, s.path)
	temporary := filepath.Join(filepath.Dir(path), tempMark+filepath.Base(path))
	if err := writeFlushed(temporary, s.content); err != nil {
		return err
	}
	s.began = time.Now()
	return os.Rename(temporary, path)
}

func writeFlushed(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if f := f.Close(); err == nil {
		err = f
	}
	return err
}

// plannedSaves takes each path once, half of them new.
func plannedSaves(saves, files, dirs int) []*save {
	random := rand.New(tree.Random(7))
	old := random.Perm(files)
	var all []*save
	for i := range saves {
		path := tree.PlantedPath(old[i], dirs)
		if i%2 == 0 {
			path = fmt.Sprintf("d%04d/new%d.txt", random.IntN(dirs), i)
		}
		all = append(all, &save{path: path, content: tree.Bytes(uint64(1000+i), 1<<10)})
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func runLive(ctx context.Context, a *attempt, write func(string, *save) error) (measured, error) {
	files, dirs := a.pick(10_000, 200), a.pick(100, 10)
	all := plannedSaves(a.pick(200, 20), files, dirs)
	if err := tree.Plant(a.src(), files, dirs, 1<<10); err != nil {
		return nil, err
	}
	if a.floor {
		return flushEach(a.src(), all)
	}
	f, err := a.settled(ctx, a.pair())
	if err != nil {
		return nil, err
	}
	defer f.stop()
	temps, err := countTemps(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := a.arrive(ctx, f, all, write); err != nil {
		return nil, err
	}
	out := lags(all)
	if temps != nil {
		out["temps"], err = temps()
	}
	return out, err
}

func lags(all []*save) measured {
	var values []time.Duration
	for _, s := range all {
		values = append(values, s.lag)
	}
	s := report.InSeconds(values)
	return measured{"median": report.Median(s), "p99": report.Percentile(s, 99), "worst": report.Percentile(s, 100)}
}

func flushEach(root string, all []*save) (measured, error) {
	for _, s := range all {
		s.began = time.Now()
		if err := writeFlushed(filepath.Join(root, s.path), s.content); err != nil {
			return nil, err
		}
		s.lag = time.Since(s.began)
	}
	return lags(all), nil
}

const (
	meanGap = 25 * time.Millisecond  // between two saves: a busy morning, not a burst
	look    = 250 * time.Microsecond // how often the destination is looked at
)

// arrive writes all, one after the other at random moments, while another
// goroutine looks for those that have not arrived yet.
func (a *attempt) arrive(ctx context.Context, f following, all []*save, write func(string, *save) error) error {
	made, failed := make(chan *save, len(all)), make(chan error, 1)
	go func() {
		defer close(made)
		random := rand.New(tree.Random(11))
		for _, s := range all {
			tree.Pause(min(time.Duration(random.ExpFloat64()*float64(meanGap)), 10*meanGap))
			if err := write(a.src(), s); err != nil {
				failed <- err
				return
			}
			made <- s
		}
	}()
	late := a.lookFor(ctx, made)
	select {
	case err := <-failed:
		return err
	default:
	}
	if late != nil {
		return fmt.Errorf("%w\n%s", late, saidBy(f))
	}
	_, err := a.equal(ctx, f, a.pair(), nil)
	return err
}

func (a *attempt) lookFor(ctx context.Context, made <-chan *save) error {
	var open []*save
	for {
		for more := true; more; {
			select {
			case s, ok := <-made:
				switch {
				case ok:
					open = append(open, s)
				case len(open) == 0:
					return ctx.Err()
				default:
					more = false
				}
			default:
				more = false
			}
		}
		still := open[:0]
		for _, s := range open {
			got, err := os.ReadFile(filepath.Join(a.dst(), s.path))
			if s.lag = time.Since(s.began); err == nil && bytes.Equal(got, s.content) {
				continue
			}
			if s.lag > a.patience {
				return fmt.Errorf("%s has not arrived after %v", s.path, a.patience)
			}
			still = append(still, s)
		}
		open = still
		tree.Pause(look)
	}
}

// countTemps prepares to count the entries that a capitol makes from now on
// for temporary names; nil for others.
func countTemps(ctx context.Context, f following) (func() (float64, error), error) {
	h, ok := f.(*highway)
	if !ok {
		return nil, nil
	}
	before, err := h.head(ctx)
	if err != nil {
		return nil, err
	}
	return func() (n float64, err error) {
		entries, err := h.events(ctx, before.Seq)
		for _, e := range entries {
			if strings.Contains(e.Path, tempMark) {
				n++
			}
		}
		return n, err
	}, nil
}
