package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// listed is how many paths of a list a person is shown.
const listed = 10

// print writes a report for a person.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s", r.Role, stream.Display(r.Dir))
	if r.PID != 0 {
		fmt.Fprintf(w, " (%s, process %d)", stream.Display(r.Tree), r.PID)
	}
	fmt.Fprintln(w)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("state", "%s", r.State)
	if r.Why != "" {
		line("why", "%s", stream.Display(r.Why))
	}
	for _, text := range r.Warnings {
		line("WARNING", "%s", stream.Display(text))
	}
	line("holds", "%s paths, %s", countText(r.Paths), bytesText(r.Bytes))
	line("position", "entry %d of epoch %.8s, tree digest %.12s", r.Seq, r.Epoch, r.Digest)
	if r.Watch != nil {
		printWatch(line, r.Watch)
	}
	if r.Limit != "" {
		line("limit", "%s, to all cities together", r.Limit)
	}
	for _, c := range r.Cities {
		line("city", "%s since %s, %s", c.Name, ago(c.Since), c.how())
	}
	if r.Highway != nil {
		printHighway(line, r.Highway)
	}
}

// how is where a city is, for people.
func (c *cityLine) how() string {
	if c.InLine {
		return "waiting its turn"
	}
	return fmt.Sprintf("%d entries behind", c.Behind)
}

type liner func(label, format string, args ...any)

func printWatch(line liner, s *watcher.Status) {
	line("watches", "%d directories, %d polled", s.Watches, s.UnwatchedAll)
	if s.Hint != "" {
		line("hint", "%s", s.Hint)
	}
	if !s.LastReconcile.IsZero() {
		line("reconciled", "%s, in %s; %d overflows since the start", ago(s.LastReconcile), tookText(s.ReconcileTook), s.Overflows)
	}
	for _, p := range s.Problems[:min(len(s.Problems), listed)] {
		line("problem", "%s: %s", stream.Display(p.Path), p.Why)
	}
	more(line, "problem", s.ProblemsAll)
	if s.JournalError != "" {
		line("journal", "%s", s.JournalError)
	}
}

func printHighway(line liner, h *highwayReport) {
	line("from", "%s", stream.Display(h.From))
	if len(h.Lineage) > 1 {
		names := make([]string, len(h.Lineage))
		for i, name := range h.Lineage {
			names[i] = stream.Display(name)
		}
		line("through", "%s", strings.Join(names, " → "))
	}
	line("link", "%s since %s", h.Link, ago(h.LinkSince))
	if h.LinkError != "" && h.Link != stream.Connected.String() {
		line("error", "%s", stream.Display(h.LinkError))
	}
	if h.Mode != "" {
		line("began", "%s: %s", h.Mode, h.Reason)
	}
	line("behind", "%d entries, %s", h.Behind, tookText(time.Duration(h.BehindSeconds*float64(time.Second))))
	if h.Limit != "" {
		line("limit", "%s", h.Limit)
	}
	if h.Bounds != "" {
		line("bounds", "%s", h.Bounds)
	}
	if h.Proven != nil {
		line("compared", "%s", ago(*h.Proven))
	}
	printDisk(line, &h.Disk)
}

func printDisk(line liner, d *applier.Status) {
	for _, f := range d.Failed[:min(len(d.Failed), listed)] {
		line("failed", "%s: %s", stream.Display(f.Path), f.Why)
	}
	more(line, "failed", int(d.FailedAll))
	kinds := make([]string, 0, len(d.Lacks))
	for kind := range d.Lacks {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		line("lacks", "%s of %d paths, %s for one", kind, d.Lacks[kind].Nodes, stream.Display(d.Lacks[kind].Example))
	}
	for _, path := range d.Kept[:min(len(d.Kept), listed)] {
		line("kept", "%s: it holds what hydrasync did not create", stream.Display(path))
	}
	line("trash", "%s", bytesText(d.Trash))
	if v := d.Verified; v != nil {
		line("verified", "%s: %d missing, %d differ, %d repaired, %d foreign", ago(v.At), v.Missing, v.Differs, v.Repaired, v.Extra)
	}
}

func more(line liner, label string, all int) {
	if all > listed {
		line(label, "and %d more", all-listed)
	}
}

// ago is a time for a person.
func ago(t time.Time) string { return tookText(time.Since(t)) + " ago" }
