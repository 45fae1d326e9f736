package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

const logName = "app.log"

func tailRows() []*row {
	return []*row{{name: "tail", title: "a 256 MiB log that grows by a line each 5 ms for 30 s", note: "from write() until the line can be read",
		figures: []report.Figure{medianFigure, worstFigure, cpuFigure},
		bounds:  []report.Bound{atMost("median", 0.010), atMost("worst", 0.050), atMost("cpu", 0.10)},
		who:     followers, run: runTail,
		prepare: func(_ context.Context, l *lab, shared string) error { return plantLog(shared, l.pick(256<<20, 4<<20)) },
	}}
}

// plantLog writes a log of about that size.
func plantLog(dir string, size int) error {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		b.WriteString(logLine(-i))
	}
	return os.WriteFile(filepath.Join(dir, logName), b.Bytes(), 0o644)
}

func logLine(i int) string {
	return fmt.Sprintf("2026-01-02T03:04:05.678Z INFO request %09d served in 12 ms, 200 OK, 5120 bytes to 192.0.2.17\n", i)
}

// growing is a log that is written at one end and read at the other.
type growing struct {
	src, dst string
	size     int64 // at the beginning

	mu   sync.Mutex
	text []byte // written since
	ends []int64
	at   []time.Time
	lag  []time.Duration
	done bool
}

func runTail(ctx context.Context, a *attempt) (measured, error) {
	if err := shell(ctx, `cp -a "$1" "$2/"`, filepath.Join(a.shared(), logName), a.src()); err != nil {
		return nil, err
	}
	f, err := a.settled(ctx, a.pair())
	if err != nil {
		return nil, err
	}
	defer f.stop()
	info, err := os.Stat(filepath.Join(a.src(), logName))
	if err != nil {
		return nil, err
	}
	g := &growing{src: filepath.Join(a.src(), logName), dst: filepath.Join(a.dst(), logName), size: info.Size()}
	lasts := time.Duration(a.pick(30, 2)) * time.Second
	before, began := usageOf(f.processes()), time.Now()
	written := make(chan error, 1)
	go func() { written <- g.write(lasts) }()
	late := g.read(ctx, a.patience)
	cpu := usageOf(f.processes()).cpu - before.cpu
	took := time.Since(began)
	if err := errors.Join(<-written, late); err != nil {
		return nil, a.explain(err, f)
	}
	if _, err := a.equal(ctx, f, a.pair(), nil); err != nil {
		return nil, err
	}
	s := report.InSeconds(g.lag)
	return measured{"median": report.Median(s), "worst": report.Percentile(s, 100), "cpu": cpu.Seconds() / took.Seconds()}, nil
}

const linePause = 5 * time.Millisecond

// write appends a line each linePause.
func (g *growing) write(lasts time.Duration) error {
	f, err := os.OpenFile(g.src, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	defer g.finish()
	for i, began := 1, time.Now(); time.Since(began) < lasts; i++ {
		line := logLine(i)
		g.mu.Lock()
		g.text = append(g.text, line...)
		g.ends = append(g.ends, int64(len(g.text)))
		g.at = append(g.at, time.Now())
		g.mu.Unlock()
		if _, err := f.WriteString(line); err != nil {
			return err
		}
		tree.Pause(linePause)
	}
	return nil
}

func (g *growing) finish() {
	g.mu.Lock()
	g.done = true
	g.mu.Unlock()
}

// read looks at the other end until all lines have arrived there.
func (g *growing) read(ctx context.Context, patience time.Duration) error {
	var seen int64
	for grown := time.Now(); ; tree.Pause(look) {
		got, err := readFrom(g.dst, g.size+seen)
		if err != nil {
			return err
		}
		if len(got) > 0 {
			grown = time.Now()
		}
		seen += int64(len(got))
		switch whole, err := g.arrived(seen, got); {
		case err != nil || whole:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(grown) > patience:
			return fmt.Errorf("the log has not grown for %v", patience)
		}
	}
}

// arrived notes the lag of the lines up to seen, of which got came last, and
// says whether that is all.
func (g *growing) arrived(seen int64, got []byte) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if seen > int64(len(g.text)) || !bytes.Equal(g.text[seen-int64(len(got)):seen], got) {
		return false, errors.New("the log at the destination holds what was not written")
	}
	for now := time.Now(); len(g.lag) < len(g.ends) && g.ends[len(g.lag)] <= seen; {
		g.lag = append(g.lag, now.Sub(g.at[len(g.lag)]))
	}
	return g.done && len(g.lag) == len(g.ends), nil
}

// readFrom reads what a file has beyond an offset; nothing if it is not there,
// which it may not be while somebody replaces it.
func readFrom(path string, offset int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= offset {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	b := make([]byte, info.Size()-offset)
	n, err := f.ReadAt(b, offset)
	if n < len(b) && err != nil {
		return nil, err
	}
	return b, nil
}
