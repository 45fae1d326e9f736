//go:build linux && amd64

package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

const usage = `usage: killat [flags] -- PROGRAM ARGS…

Runs PROGRAM and ends it, or fails it, at exactly the N-th of the system calls that are counted.
SIGUSR1 makes killat let all further calls pass; SIGUSR2 begins the count anew; SIGTERM and
SIGINT go to PROGRAM.

`

func main() {
	if len(os.Args) > 1 && os.Args[1] == launchArg {
		fmt.Fprintln(os.Stderr, "killat:", launch(os.Args[2:]))
		os.Exit(127)
	}
	p, args, log, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "killat:", err)
		os.Exit(2)
	}
	t := &tracer{plan: p, log: log}
	code, err := t.run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "killat:", err)
		os.Exit(2)
	}
	os.Exit(code)
}

// parse reads the command line.
func parse() (p plan, args []string, log *os.File, err error) {
	var under, calls, logTo string
	flag.IntVar(&p.n, "n", 0, "at which call; 0 only counts")
	flag.StringVar(&p.at, "at", "entry", "entry or exit: where the process is killed; or an errno, such as ENOSPC: the call fails")
	flag.BoolVar(&p.sticky, "sticky", false, "with an errno: all calls from the N-th on fail, until SIGUSR1")
	flag.BoolVar(&p.waits, "wait", false, "count nothing before SIGUSR2")
	flag.StringVar(&calls, "calls", "change", "comma-separated: names of calls; change, open, read, new (descriptors) for groups of them; send: writes to sockets")
	flag.StringVar(&under, "under", "", "comma-separated: only calls on files beneath these folders count")
	flag.StringVar(&logTo, "log", "", "write each counted call to this file")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	if args = flag.Args(); len(args) == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if under != "" {
		p.under = strings.Split(under, ",")
	}
	if p.wanted, err = wantedCalls(strings.Split(calls, ",")); err != nil {
		return p, nil, nil, err
	}
	if err := p.check(); err != nil {
		return p, nil, nil, err
	}
	if logTo != "" {
		log, err = os.Create(logTo)
	}
	return p, args, log, err
}
