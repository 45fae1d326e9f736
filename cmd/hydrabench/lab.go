package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

// lab is where a whole run takes place.
type lab struct {
	dir         string // all trees are made beneath it
	program     string // the hydrasync that is measured
	rounds      int
	quick       bool
	patience    time.Duration // until a contestant that does not become equal has failed
	progress    io.Writer     // a line for each attempt
	contestants []*contestant
	kept        map[string]string // what several rows share, by name: see keep
}

// pick chooses a size.
func (l *lab) pick(full, quick int) int {
	if l.quick {
		return quick
	}
	return full
}

// keep makes something once a run, in a directory of that name.
func (l *lab) keep(name string, make func(dir string) error) (string, error) {
	if dir, ok := l.kept[name]; ok {
		return dir, nil
	}
	dir := filepath.Join(l.dir, "kept-"+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := make(dir); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	l.kept[name] = dir
	return dir, nil
}

// run does all rounds of a row. The order of contestants is turned around each
// round: who comes after whom is nobody's advantage.
func (l *lab) run(ctx context.Context, r *row) (*report.Row, error) {
	out := &report.Row{Name: r.name, Title: r.title, Note: r.note, Figures: r.figures, Bounds: r.bounds}
	dir := filepath.Join(l.dir, r.name)
	if err := os.MkdirAll(filepath.Join(dir, "shared"), 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if r.prepare != nil {
		if err := r.prepare(ctx, l, filepath.Join(dir, "shared")); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", r.name, err)
		}
	}
	attempts := l.line(r, out)
	for round := range l.rounds {
		for _, a := range attempts {
			a.dir = filepath.Join(dir, "attempt")
			values, err := l.attempt(ctx, a, round)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			a.line.Add(values, err)
		}
		slices.Reverse(attempts)
	}
	out.Close()
	return out, nil
}

// line makes the row's lines, and an attempt for each contestant that is there.
func (l *lab) line(r *row, out *report.Row) (attempts []*attempt) {
	add := func(c *contestant, floor bool) {
		line := &report.Line{Who: c.name, Floor: floor, Durable: c.durable, Absent: c.absent()}
		out.Lines = append(out.Lines, line)
		if line.Absent == "" {
			attempts = append(attempts, &attempt{lab: l, row: r, who: c, line: line, floor: floor})
		}
	}
	for _, c := range l.contestants {
		if slices.Contains(r.who, c.name) {
			add(c, false)
		}
	}
	if r.floor != "" {
		add(&contestant{name: r.floor, durable: r.durable}, true)
	}
	return attempts
}

// attempt lets one contestant do a row once, in a new directory on a disk that
// has nothing left to write.
func (l *lab) attempt(ctx context.Context, a *attempt, round int) (values measured, err error) {
	for _, dir := range []string{a.src(), a.dst(), a.own()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	defer func() {
		if f := os.RemoveAll(a.dir); f != nil && err == nil {
			err = f
		}
	}()
	unix.Sync()
	began := time.Now()
	values, err = a.row.run(ctx, a)
	l.tell(a, round, time.Since(began), values, err)
	return values, err
}

func (l *lab) tell(a *attempt, round int, took time.Duration, values measured, err error) {
	var what []string
	for _, f := range a.row.figures {
		if v, ok := values[f.Key]; ok {
			what = append(what, f.Label+" "+f.Unit.Format(v))
		}
	}
	if err != nil {
		what = []string{"FAILED: " + err.Error()}
	}
	fmt.Fprintf(l.progress, "%s %d/%d %s: %s [%.1f s]\n", a.row.name, round+1, l.rounds, a.who.name, strings.Join(what, ", "), took.Seconds())
}
