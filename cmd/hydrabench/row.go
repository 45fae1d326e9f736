package main

import (
	"context"
	"slices"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

// row is one line of the table of marks: some work, who does it, what is
// measured and what is to be reached.
type row struct {
	name    string
	title   string
	note    string
	large   bool // runs only with --full or by its name
	figures []report.Figure
	bounds  []report.Bound
	floor   string // what the machine alone is called; empty if it does not compete
	durable bool   // the floor's work is on the disk when it is done
	who     []string

	// prepare makes in a directory what all attempts share; may be nil.
	prepare func(ctx context.Context, l *lab, shared string) error
	run     func(ctx context.Context, a *attempt) (measured, error)
}

// measured are figures by their keys, in seconds, bytes and plain numbers.
type measured map[string]float64

// everybody who follows a tree.
var followers = []string{hydrasync, rsyncLoop, lsyncd, syncthing, mutagen}

// everybodyAnd adds those who copy once.
func everybodyAnd(copiers ...string) []string {
	return append(slices.Clone(followers), copiers...)
}

// The figures that several rows have.
var (
	timeFigure    = report.Figure{Key: "time", Label: "time", Unit: report.Seconds}
	durableFigure = report.Figure{Key: "durable", Label: "confirmed", Unit: report.Seconds}
	wireFigure    = report.Figure{Key: "wire", Label: "on the wire", Unit: report.Bytes}
	actFigure     = report.Figure{Key: "act", Label: "the act itself", Unit: report.Seconds}
	medianFigure  = report.Figure{Key: "median", Label: "median", Unit: report.Seconds}
	p99Figure     = report.Figure{Key: "p99", Label: "99th", Unit: report.Seconds}
	worstFigure   = report.Figure{Key: "worst", Label: "worst", Unit: report.Seconds}
	rssFigure     = report.Figure{Key: "rss", Label: "resident", Unit: report.Bytes}
	onceFigure    = report.Figure{Key: "once", Label: "shared pages once", Unit: report.Bytes}
	peakFigure    = report.Figure{Key: "peak", Label: "peak resident", Unit: report.Bytes}
	cpuFigure     = report.Figure{Key: "cpu", Label: "CPU", Unit: report.Share}
)

// atMost is a bound on hydrasync's figure.
func atMost(figure string, limit float64) report.Bound {
	return report.Bound{Figure: figure, Limit: limit}
}

// atLeast is one that has to be reached.
func atLeast(figure string, limit float64) report.Bound {
	return report.Bound{Figure: figure, Limit: limit, AtLeast: true}
}

// atMostTimes is a bound on hydrasync's figure as a multiple of another's.
func atMostTimes(figure string, limit float64, who string) report.Bound {
	return report.Bound{Figure: figure, Limit: limit, Of: who}
}

// The table of rows, in the order in which they run.
func allRows() []*row {
	return slices.Concat(liveRows(), firstCopyRows(), actRows(), bigFileRows(), tailRows(), awayRows(), restRows(),
		millionRows(), fanOutRows(), wideRows(), journalRows())
}
