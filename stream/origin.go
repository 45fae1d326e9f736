package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Origin is a place that has the tree: its capitol, or a relay. All of a client's
// serve one history, so moving from one to another is a resume like any other.
type Origin struct {
	URL   string // ws(s)://HOST:PORT/NAME; http(s) means the same
	Token string
	TLS   *tls.Config
}

// origin is an Origin that was checked.
type origin struct {
	Origin
	url  *url.URL // of the stream
	tree string
	rank int // 0 is the best
}

func (cfg *ClientConfig) origins() ([]*origin, error) {
	all := append([]Origin{{URL: cfg.URL, Token: cfg.Token, TLS: cfg.TLS}}, cfg.Further...)
	var checked []*origin
	for i, o := range all {
		u, tree, err := streamURL(o.URL)
		if err != nil {
			return nil, err
		}
		if err := CheckTarget(u, o.Token != "", cfg.Insecure); err != nil {
			return nil, err
		}
		checked = append(checked, &origin{Origin: o, url: u, tree: tree, rank: i})
	}
	return checked, nil
}

// round goes through the origins, best first. It is over when one was good, or
// all have failed.
type round struct {
	origins []*origin
	at      int
	refused *RefusedError // by the best that refused
	others  bool          // one failed that may do better next time
}

func (r *round) origin() *origin { return r.origins[r.at] }

// fail goes on to the next origin. With over there is none: it is time to wait,
// or, if all have refused for good, to give up with hopeless.
func (r *round) fail(err error) (over bool, hopeless error) {
	var refused *RefusedError
	if errors.As(err, &refused) {
		if r.refused == nil {
			r.refused = refused
		}
	} else {
		r.others = true
	}
	if r.at++; r.at < len(r.origins) {
		return false, nil
	}
	if !r.others {
		hopeless = r.refused
	}
	*r = round{origins: r.origins}
	return true, hopeless
}

// again begins anew: at the best, or at the one where there is a reason.
func (r *round) again(at int) { *r = round{origins: r.origins, at: at} }

// Run follows the tree until ctx ends (then it returns nil), every origin
// refuses for good (a [*RefusedError]) or the subscriber does. Everything else
// is tried again for ever. It may run only once at a time.
func (c *Client) Run(ctx context.Context, s Subscriber) error {
	wait := c.backoff()
	turn := round{origins: c.origins}
	compare := false
	for attempt := 1; ; attempt++ {
		o := turn.origin()
		c.report(State{Phase: Connecting, From: o.URL, Attempt: attempt})
		healthy, err := c.connect(ctx, s, o, compare)
		if ctx.Err() != nil {
			return nil
		}
		if permanent(err) {
			return err
		}
		if healthy = healthy || hasWaited(err); healthy {
			wait.Reset()
			attempt = 0
		}
		var better *betterError
		over := true
		switch compare = errors.Is(err, ErrDiffers); {
		case errors.As(err, &better):
			turn.again(better.rank)
			over = false
		case compare:
			turn.again(o.rank)
		case healthy:
			turn.again(0)
		default:
			var hopeless error
			if over, hopeless = turn.fail(err); hopeless != nil {
				return hopeless
			}
		}
		if over && !c.pause(ctx, wait.NextBackOff(), attempt, o, err) {
			return nil
		}
	}
}

// backoff: intervals are halved because each wait is drawn from zero to twice it.
func (c *Client) backoff() *backoff.ExponentialBackOff {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = c.cfg.Retry.First/2, c.cfg.Retry.Most/2
	wait.Multiplier, wait.RandomizationFactor = 2, 1
	return wait
}

// pause waits before the next attempt; false if ctx ended meanwhile.
func (c *Client) pause(ctx context.Context, delay time.Duration, attempt int, o *origin, err error) bool {
	c.report(State{Phase: Waiting, From: o.URL, Attempt: attempt, Err: err, Fault: faultOf(err), Next: time.Now().Add(delay)})
	c.cfg.Log.Debug().Err(err).Dur("delay", delay).Str("tree", Display(o.tree)).Msg("stream ended, trying again")
	select {
	case <-time.After(delay):
		return true
	case <-ctx.Done():
		return false
	}
}

// betterError ends a connection because a better origin can be reached again.
type betterError struct{ rank int }

func (e *betterError) Error() string { return "a better source is back" }

// circleStep is how often a city that has got into a circle looks for a way out.
const circleStep = 2 * time.Second

// seekBetter looks from time to time whether an origin before o can be reached, and
// returns once one can, or nil when ctx ends. The connection stands meanwhile.
func (c *Client) seekBetter(ctx context.Context, o *origin) error {
	if o.rank == 0 {
		return nil
	}
	tick := time.NewTicker(min(c.cfg.Return, circleStep))
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if time.Since(last) < c.cfg.Return && !c.State().Welcome.Lineage.Has(c.cfg.Replica) {
			continue
		}
		last = time.Now()
		for _, other := range c.origins[:o.rank] {
			if cn, err := c.dial(ctx, other); err == nil {
				cn.close()
				return &betterError{other.rank}
			}
		}
	}
}
