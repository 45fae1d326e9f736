package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long everything may take to end after a signal.
const patience = 5 * time.Second

func main() {
	runtime.MemProfileRate = 0 // nobody reads that profile; its buckets take a megabyte
	os.Exit(run(os.Args[1:]))
}

// run is the whole program between arguments and exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	// From the first signal on, the next one meets the kernel's own answer.
	context.AfterFunc(ctx, stop)
	a := newApp(os.Stdout, os.Stderr)
	ended := make(chan error, 1)
	go func() {
		root := newRoot(a)
		root.SetArgs(args)
		ended <- root.ExecuteContext(ctx)
	}()
	return a.tell(ctx, await(ctx, ended))
}

// await waits for the command, and after a signal no longer than patience.
func await(ctx context.Context, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		return errors.New("end cleanly: something did not stop within " + patience.String())
	}
}

// tell prints what a person needs to know about err and returns the exit code.
// A command that ended because it was told to has not failed.
func (a *app) tell(ctx context.Context, err error) int {
	var quiet *verdict
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return codeDone
	case errors.As(err, &quiet):
		return quiet.code
	}
	fmt.Fprintln(a.err, "hydrasync: error: "+err.Error())
	if hint := hintOf(err); hint != "" {
		fmt.Fprintln(a.err, "hydrasync: hint: "+hint)
	}
	return codeOf(err)
}
