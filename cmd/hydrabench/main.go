package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program between arguments and exit code: 0 if hydrasync did
// the work of every row, 1 if it did not, or something broke. A mark that is
// missed, or a peer that fails, is a result like any other.
func run(args []string, out, progress io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	c := newCommand(out, progress)
	c.SetArgs(args)
	c.SetErr(progress)
	c.SetOut(out)
	if err := c.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(progress, "hydrabench: error: "+err.Error())
		return 1
	}
	return 0
}

const long = `hydrabench measures hydrasync, what people use instead, and what the machine can
do at all, side by side at the same work, and says which marks are reached.

Peers that are not on PATH are left out (rsync, inotifywait, lsyncd, syncthing,
mutagen). Trees are made in a directory of its own beneath --dir, which has to
be on a disk, not in memory, and has room for 10 GiB and two million inodes if
rows with large trees are chosen.`

func newCommand(out, progress io.Writer) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:           "hydrabench",
		Short:         "Measure hydrasync and its peers at the same work",
		Long:          long,
		Example:       "  hydrabench --rows live,rename --rounds 5\n  hydrabench --full --json bench.json --svg docs/bench.svg\n  hydrabench --list",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.list {
				return list(out)
			}
			return o.measure(c.Context(), out, progress)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.rows, "rows", nil, "only these rows, by name (default: all but the large ones)")
	f.StringSliceVar(&o.who, "who", nil, "only these contestants, by name; floors always run")
	f.BoolVar(&o.full, "full", false, "all rows, those with a million files too")
	f.BoolVar(&o.list, "list", false, "list the rows and end")
	f.IntVar(&o.rounds, "rounds", 3, "how often each contestant does each row; medians are shown")
	f.StringVar(&o.dir, "dir", "", "where trees are made (default: the folder for temporary files, or /var/tmp if that is in memory)")
	f.BoolVar(&o.quick, "quick", false, "small sizes: to see that everything works, not how fast")
	f.StringVar(&o.program, "hydrasync", "", "the binary to measure (default: beside this one, or on PATH)")
	f.DurationVar(&o.patience, "patience", defaultPatience, "a contestant that is not equal after this has failed")
	f.StringVar(&o.json, "json", "", "also write everything that was measured to this file")
	f.StringVar(&o.svg, "svg", "", "also draw a chart into this file")
	return c
}

func list(out io.Writer) error {
	for _, r := range allRows() {
		large := ""
		if r.large {
			large = " (large: by name or with --full)"
		}
		fmt.Fprintf(out, "%-18s %s%s\n", r.name, r.title, large)
	}
	return nil
}

// write leaves the table where it was asked for.
func (o *options) write(t *report.Table, out io.Writer) error {
	t.Text(out)
	if o.json != "" {
		text, err := json.MarshalIndent(t, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.svg != "" {
		return os.WriteFile(o.svg, []byte(t.SVG()), 0o644)
	}
	return nil
}
