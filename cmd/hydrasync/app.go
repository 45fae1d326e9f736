package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// app is what every command needs of the world outside.
type app struct {
	out      io.Writer
	err      io.Writer
	terminal bool // err is one
	common   commonFlags
}

// commonFlags are understood by every command.
type commonFlags struct {
	logLevel  string
	logFormat string
	quiet     bool
}

func newApp(out, err *os.File) *app {
	return &app{out: out, err: err, terminal: isatty.IsTerminal(err.Fd())}
}

const rootLong = `hydrasync keeps copies of directory trees that are never behind: one way, in
real time, over one connection that the copy's side opens.

A capitol watches trees and journals what changed. A city follows a tree into
a directory of its own. "mirror" is both in one process.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "hydrasync",
		Short:         "One-way realtime replication of directory trees",
		Long:          rootLong,
		Example:       "  hydrasync mirror ./site /mnt/copy\n  hydrasync capitol --tree site=/srv/site --listen 127.0.0.1:49996\n  hydrasync city --from ws://127.0.0.1:49996/site --to /srv/copy",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.checkCommon()
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.common.logLevel, "log-level", "info", "least level that is logged: debug, info, warn, error")
	flags.StringVar(&a.common.logFormat, "log-format", "", "json or text (default: text on a terminal, else json)")
	flags.BoolVar(&a.common.quiet, "quiet", false, "say nothing but errors")
	root.AddCommand(newMirror(a), newCapitol(a), newCity(a), newRun(a), newTail(a), newVerify(a), newStatus(a),
		newConfirm(a), newLog(a), newNet(a), newWait(a), newInvite(a), newJoin(a), newConfig(a), newVersion(a))
	usageErrors(root)
	return root
}

// usageErrors gives what cobra refuses, in all commands, a hint and its code.
func usageErrors(c *cobra.Command) {
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("see "+c.CommandPath()+" --help", "%w", err)
	})
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage("usage: "+c.UseLine(), "%w", err)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

func (a *app) checkCommon() error {
	if _, err := zerolog.ParseLevel(a.common.logLevel); err != nil {
		return usage("--log-level is debug, info, warn or error", "log level %q is none", a.common.logLevel)
	}
	if !slices.Contains([]string{"", "json", "text"}, a.common.logFormat) {
		return usage("--log-format is json or text", "log format %q is none", a.common.logFormat)
	}
	return nil
}

// people says that a person watches: progress and plain lines, no log of what goes well.
func (a *app) people() bool { return a.terminal && a.common.logFormat == "" && !a.common.quiet }

// logger is what the rooms log to.
func (a *app) logger() zerolog.Logger {
	level, err := zerolog.ParseLevel(a.common.logLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	switch {
	case a.common.quiet:
		level = max(level, zerolog.ErrorLevel)
	case a.people():
		level = max(level, zerolog.WarnLevel)
		if a.common.logLevel == "debug" {
			level = zerolog.DebugLevel
		}
	}
	var to io.Writer = a.err
	if a.common.logFormat == "text" || a.common.logFormat == "" && a.terminal {
		to = zerolog.ConsoleWriter{Out: a.err, NoColor: !a.terminal, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(to).Level(level).With().Timestamp().Logger()
}

// say prints a line for a person, if one watches; else it is the log's.
func (a *app) say(format string, args ...any) (said bool) {
	if a.people() {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
	return a.people()
}

func jsonFlag(c *cobra.Command, into *bool) {
	c.Flags().BoolVar(into, "json", false, "print the report as JSON")
}
