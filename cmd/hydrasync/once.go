package main

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/identity"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// errDone ends the group of a --once that has succeeded.
var errDone = errors.New("done")

// untilDone ends the --once of a city: at the first comparison.
func (c *city) untilDone(ctx context.Context, timeout time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return untilAlone(ctx, c.sight, c.conf.From, timeout) })
	g.Go(func() error {
		return c.finish(ctx, journal.Position{})
	})
	return g.Wait()
}

// finish waits for the proof at goal and for the check of the disk that every
// start begins with: what somebody changed in the replica is mended then, and
// pruned. It returns errDone, and what is seen stays as it was at the proof.
func (c *city) finish(ctx context.Context, goal journal.Position) error {
	now, err := c.sight.untilProven(ctx, goal)
	if err != nil {
		return err
	}
	if !c.disk.Verified() {
		if _, err := c.disk.Verify(ctx, false, c.follow); err != nil {
			return err
		}
	}
	c.sight.freeze(now)
	return errDone
}

// done turns the end of a --once into its report and exit code.
func (a *app) done(c *city, o *onceFlags, err error) error {
	if !errors.Is(err, errDone) {
		return err
	}
	now, _ := c.sight.look()
	if o.json {
		r, err := c.report(context.Background())
		if err != nil {
			return err
		}
		if err := a.printJSON(r); err != nil {
			return err
		}
	}
	if now.Failed > 0 {
		return failed("hydrasync status "+strconv.Quote(c.conf.To)+" lists them", "in step but for %d paths that could not be made", now.Failed)
	}
	return nil
}

// untilAlone is [sight.untilAlone] as the error that ends a --once.
func untilAlone(ctx context.Context, s *sight, from string, timeout time.Duration) error {
	now, err := s.untilAlone(ctx, timeout)
	if err != nil {
		return err
	}
	why := now.Link.Err
	if why == nil {
		why = errors.New("no answer")
	}
	hint := "is the capitol running, and reachable from here? a longer --timeout waits longer"
	if errors.As(why, new(*identity.PinError)) {
		hint = hintOf(why)
	}
	if rest := now.resting(); rest != nil {
		hint = rest.Hint()
	}
	if errors.As(why, new(*tls.CertificateVerificationError)) {
		hint = "if the capitol's certificate is right: --tls-ca with the authority that signed it, and the name that it is for in the URL"
	}
	return failed(hint,
		"no connection to %s within %s: %w", stream.Display(from), tookText(timeout), why)
}
