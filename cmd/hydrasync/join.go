package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/stream"
)

const joinLong = `join trades a join code for this city's own credential, writes credential and
config, and starts. The code comes from hydrasync invite on the capitol; it tells
where the capitol is and how to know it, so nothing else has to be typed.

With one tree it goes into DIR, with several each into DIR/TREE. The config is
DIR/.hydrasync/hydrasync.toml (with several trees DIR/hydrasync.toml), unless
--config names another; from then on: hydrasync run --config FILE. A second code for the
same DIR (hydrasync city rotate) replaces the credential only.

A machine that has a plan for this city, or only plans and no trees, is followed as its
registry: the plan may write beneath DIR. Codes of the capitols that the plan names, for
the same DIR, are written into the same config: join those with --no-start.

If the answer is lost, type the same once more before the code expires.

A CODE of "-" is read from standard input: others on this machine can see what
is typed as an argument, and could be faster.`

// joinConf is what the flags of join say.
type joinConf struct {
	to       string
	config   string
	noStart  bool
	ca       string
	insecure bool
}

func newJoin(a *app) *cobra.Command {
	var conf joinConf
	c := &cobra.Command{
		Use:     "join CODE --to DIR",
		Short:   "Join a capitol with a code from hydrasync invite, and start",
		Long:    joinLong,
		Example: "  hydrasync join hsj1_… --to /srv/copy\n  hydrasync join - --to /srv/copy --no-start",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return conf.run(c.Context(), a, args[0], c.InOrStdin()) },
	}
	f := c.Flags()
	f.StringVar(&conf.to, "to", "", "the directory; created if the one above exists")
	f.StringVar(&conf.config, "config", "", "the config file to write")
	f.BoolVar(&conf.noStart, "no-start", false, "write credential and config only")
	f.StringVar(&conf.ca, "tls-ca", "", "PEM file with the authority that signed the certificate of a proxy")
	f.BoolVar(&conf.insecure, "insecure", false, "take addresses without TLS on other machines too")
	return c
}

func (j *joinConf) run(ctx context.Context, a *app, text string, in io.Reader) error {
	code, err := readCode(text, in)
	if err != nil {
		return err
	}
	if j.to == "" {
		return usage("give --to DIR", "no directory to mirror into is given")
	}
	dst, err := findTarget(j.to)
	if err != nil {
		return err
	}
	seat, err := j.takeSeat(dst.full(), code)
	if err != nil {
		return err
	}
	own, err := seat.draw()
	if err != nil {
		return errors.Join(err, seat.leave())
	}
	r, err := newRedemption(code, own, j)
	if err != nil {
		return errors.Join(err, seat.leave())
	}
	got, at, err := r.redeem(ctx)
	if err != nil && r.sent.Load() {
		return err // the seat is kept: the same command may have the answer
	}
	if err != nil {
		return errors.Join(err, seat.leave())
	}
	file, err := seat.sit(got, at)
	if err != nil {
		return err
	}
	a.say("joined as %s: %s", stream.Display(got.City), stream.Display(file))
	if j.noStart {
		return nil
	}
	return a.become("run", "--config", file)
}

// readCode reads the code, from standard input for "-".
func readCode(text string, in io.Reader) (*joincode.Code, error) {
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read join code: %w", err)
		}
		text = line
	}
	code, err := joincode.Parse(text)
	if err != nil {
		return nil, usage("copy the whole line that hydrasync invite printed", "%w", err)
	}
	return code, nil
}

// become goes on as another command in this same process: the code that was an
// argument is in no process list then.
func (a *app) become(args ...string) error {
	all := append([]string{os.Args[0]}, args...)
	all = append(all, "--log-level="+a.common.logLevel, "--log-format="+a.common.logFormat)
	if a.common.quiet {
		all = append(all, "--quiet")
	}
	if err := unix.Exec("/proc/self/exe", all, os.Environ()); err != nil {
		return failed("the config is written: hydrasync run --config FILE", "start: %w", err)
	}
	return nil
}
