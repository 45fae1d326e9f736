package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/runs"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// serve answers until ctx ends. The log of what ran outlives that by a moment: who is
// here then leaves, and has a line that ends.
func (d *door) serve(ctx context.Context, srv *stream.Server, ln net.Listener, trees []string, log zerolog.Logger) error {
	logging, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { d.runs.Run(logging, trees) })
	if d.roster != nil {
		running.Go(func() {
			d.roster.Run(logging, d.book, func(err error) { log.Warn().Err(err).Msg("cannot keep what is known of other machines") })
		})
	}
	err := srv.Serve(ctx, ln)
	stop()
	running.Wait()
	return err
}

// lend is the door's [runs.Book].
func (d *door) lend(_ context.Context, do func(*ledger.Ledger) error) error { return do(d.book) }

// keepRuns has what the city does written into the ledger in its own state folder: it
// moves with the replica.
func (c *city) keepRuns() error {
	_, tree, err := httpBase(c.conf.From)
	if err != nil {
		return err
	}
	c.runs = runs.NewCity(c.lend, c.conf.JoinedAs, tree, c.log)
	c.sight.hear = func(n *situation) {
		c.runs.Hear(&runs.Seen{Link: n.Link, Began: n.Began, Entries: n.Entries, Bytes: n.Bytes, Failed: n.Failed})
	}
	return nil
}

// lend opens the ledger for a moment: a city seldom needs it.
func (c *city) lend(ctx context.Context, do func(*ledger.Ledger) error) error {
	book, err := ledger.Open(ctx, c.stateFolder())
	if err != nil {
		return err
	}
	return errors.Join(do(book), book.Close())
}

// run follows until ctx ends or the capitol refuses for good, and notes how it ended.
func (c *city) run(ctx context.Context) error {
	logging, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() {
		_, err := os.Stat(filepath.Join(c.stateFolder(), ledger.Name))
		c.runs.Run(logging, err == nil)
	})
	err := c.live(ctx)
	why := err
	if ctx.Err() != nil {
		why = nil // something else ends
	}
	c.runs.Stop(c.conf.From, why)
	stop()
	running.Wait()
	return err
}
