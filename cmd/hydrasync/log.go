package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

const logLong = `log says what ran: connections that brought something, and attempts in vain, the
newest first. Of each there is one line, for as long as it goes on; attempts that
fail alike within an hour share one.

DIR is a replica, which has its own log, or a source, of which the capitol has it.
Without DIR it is all that this machine served. What is older than 90 days is forgotten.`

// logConf is what the flags of log say.
type logConf struct {
	city, tree, state string
	since             span
	failed, json      bool
	detail            int64
	most              int
}

func newLog(a *app) *cobra.Command {
	var conf logConf
	c := &cobra.Command{
		Use:     "log [DIR]",
		Short:   "Say what ran, when, from where, and how it ended",
		Long:    logLong,
		Example: "  hydrasync log\n  hydrasync log /srv/copy --since 1d\n  hydrasync log --city berlin --failed --json\n  hydrasync log --detail 17",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return conf.run(c.Context(), a, args) },
	}
	f := c.Flags()
	f.StringVar(&conf.city, "city", "", "only of this city")
	f.StringVar(&conf.tree, "tree", "", "only of this tree")
	f.Var(&conf.since, "since", "only what went on since, so long ago: 30m, 12h, 1d")
	f.BoolVar(&conf.failed, "failed", false, "only what did not end well")
	f.Int64Var(&conf.detail, "detail", 0, "everything about one line, by its ID")
	f.IntVar(&conf.most, "most", 50, "so many lines at most; 0 is all")
	stateFlag(f, &conf.state)
	jsonFlag(c, &conf.json)
	return c
}

func (l *logConf) run(ctx context.Context, a *app, args []string) error {
	ask := ledger.Asked{ID: l.detail, City: l.city, Tree: l.tree, Failed: l.failed, Most: l.most}
	if l.since > 0 {
		ask.Since = time.Now().Add(-time.Duration(l.since))
	}
	folder := l.state
	if len(args) > 0 {
		var err error
		if folder, err = l.folder(args[0], &ask); err != nil {
			return err
		}
	}
	runs, err := readRuns(ctx, folder, ask)
	if err != nil {
		return err
	}
	if l.detail != 0 && len(runs) == 0 {
		return usage("hydrasync log lists them; a replica has its own: hydrasync log DIR", "no line %d", l.detail)
	}
	lines := make([]runLine, 0, len(runs))
	for i := range runs {
		lines = append(lines, runLineOf(&runs[i]))
	}
	switch {
	case l.json && l.detail != 0:
		return a.printJSON(lines[0])
	case l.json:
		return a.printJSON(lines)
	case l.detail != 0:
		return lines[0].print(a)
	}
	return printRuns(a, lines)
}

// folder finds who has the log of a directory. A source's is the capitol's, of one tree.
func (l *logConf) folder(dir string, ask *ledger.Asked) (string, error) {
	folder, err := findState(stateFolder(l.state), dir)
	if err != nil || filepath.Base(folder) == applier.StateName {
		return folder, err
	}
	known, err := recall(folder)
	if err == nil && ask.Tree == "" {
		ask.Tree = known.Name
	}
	return l.state, err
}

// readRuns reads a log that may not have begun.
func readRuns(ctx context.Context, folder string, ask ledger.Asked) ([]ledger.Run, error) {
	if _, err := os.Stat(filepath.Join(folder, ledger.Name)); os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, failed(permissionHint(err), "read log: %w", err)
	}
	book, err := ledger.Open(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	return book.Runs(ctx, ask)
}

func permissionHint(err error) string {
	if os.IsPermission(err) {
		return "a state folder is its owner's: ask as the user that runs hydrasync"
	}
	return ""
}

// runLine is a run for programs. Names are escaped.
type runLine struct {
	ID       int64      `json:"id"`
	Side     string     `json:"side"` // which end wrote it: city, capitol
	Kind     string     `json:"kind"` // session, attempt
	Began    time.Time  `json:"began"`
	Ended    *time.Time `json:"ended,omitempty"` // not there: it goes on
	City     string     `json:"city,omitempty"`
	Tree     string     `json:"tree,omitempty"`
	Remote   string     `json:"remote"`
	Mode     string     `json:"mode,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Entries  int64      `json:"entries"`
	Bytes    int64      `json:"bytes"`
	Attempts int64      `json:"attempts"`
	Result   string     `json:"result,omitempty"` // ok, warning, error, fatal
	Fault    string     `json:"fault,omitempty"`  // local, remote, network
	Said     string     `json:"said,omitempty"`
}

func runLineOf(r *ledger.Run) runLine {
	return runLine{ID: r.ID, Side: string(r.Side), Kind: string(r.Kind), Began: r.Began, Ended: when(r.At), City: stream.Display(r.City),
		Tree: stream.Display(r.Tree), Remote: stream.Display(r.Remote), Mode: r.Mode, Reason: plainText(r.Reason), Entries: r.Entries,
		Bytes: r.Bytes, Attempts: r.Tries, Result: string(r.Result), Fault: r.Fault, Said: plainText(r.Said)}
}

// how it ended, or that it did not, in words.
func (l *runLine) how() string {
	switch {
	case l.Ended == nil:
		return "goes on"
	case l.Fault != "" && l.Fault != "local":
		return l.Result + " (" + l.Fault + ")"
	}
	return l.Result
}

// took is for how long it went on.
func (l *runLine) took() string {
	if l.Ended == nil {
		return tookText(time.Since(l.Began))
	}
	return tookText(l.Ended.Sub(l.Began))
}

func (l *runLine) what() string {
	if l.Kind == string(ledger.Attempt) {
		return fmt.Sprintf("%s in vain", times(l.Attempts))
	}
	if l.Attempts > 1 {
		return l.Mode + ", " + times(l.Attempts)
	}
	return l.Mode
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return countText(n) + " times"
}

const logTime = "2006-01-02 15:04:05"

func printRuns(a *app, lines []runLine) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing of that kind ran")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tWHEN\tTOOK\tCITY\tTREE\tOTHER END\tWHAT\tENTRIES\tBYTES\tENDED\tWHY")
	for i := range lines {
		l := &lines[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Began.Local().Format(logTime), l.took(), dash(l.City), dash(l.Tree), dash(l.Remote),
			l.what(), countText(l.Entries), bytesText(l.Bytes), l.how(), dash(l.Said))
	}
	return w.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// print writes all that is known of a line.
func (l *runLine) print(a *app) error {
	var b strings.Builder
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", label, text)
		}
	}
	fmt.Fprintf(&b, "%s %d, written by the %s\n", l.Kind, l.ID, l.Side)
	line("began", l.Began.Local().Format(time.RFC3339Nano))
	if l.Ended != nil {
		line("ended", l.Ended.Local().Format(time.RFC3339Nano))
	}
	line("took", l.took())
	line("city", l.City)
	line("tree", l.Tree)
	line("other end", l.Remote)
	line("mode", l.Mode)
	line("reason", l.Reason)
	line("attempts", strconv.FormatInt(l.Attempts, 10))
	line("entries", countText(l.Entries))
	line("bytes", fmt.Sprintf("%s (%s)", countText(l.Bytes), bytesText(l.Bytes)))
	line("result", l.how())
	line("fault", l.Fault)
	line("said", l.Said)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
