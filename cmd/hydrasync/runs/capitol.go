package runs

import (
	"context"
	"maps"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// Capitol hears a server's visitors.
type Capitol struct {
	*Log
	here map[*stream.Visit]*stay
	vain map[visitor]*ledger.Run // the last session of those that have confirmed nothing in it
}

// visitor is who comes again and again.
type visitor struct{ city, tree, remote string }

// stay is a session, and what its line had before.
type stay struct {
	*ledger.Run
	entries, bytes int64
}

var _ stream.Visitors = (*Capitol)(nil)

// NewCapitol keeps the log of a server. Nothing is written before Run.
func NewCapitol(book Book, log zerolog.Logger) *Capitol {
	c := &Capitol{Log: newLog(book, log), here: make(map[*stream.Visit]*stay), vain: make(map[visitor]*ledger.Run)}
	c.refresh = c.lookLocked
	return c
}

// Run writes until ctx ends. These trees' journals are held: what
// another process left open of them is over.
func (c *Capitol) Run(ctx context.Context, trees []string) {
	c.told(ctx, c.book(ctx, func(b *ledger.Ledger) error {
		for _, tree := range trees {
			if err := b.Orphans(ctx, ledger.AtCapitol, tree); err != nil {
				return err
			}
		}
		return nil
	}))
	c.run(ctx)
}

// Came implements [stream.Visitors]. Who was here in vain a moment ago, as a city does that is held, goes on
// in the same line.
func (c *Capitol) Came(v *stream.Visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := visitor{v.City, v.Tree, v.Remote}
	r := c.vain[who]
	delete(c.vain, who)
	if r != nil && r.Mode == v.Mode.String() && v.Since.Sub(r.At) < sameLine {
		r.Ending = ledger.Ending{}
		r.Tries++
	} else {
		r = &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, Began: v.Since.UTC(), City: v.City, Tree: v.Tree, Remote: v.Remote,
			Mode: v.Mode.String(), Reason: v.Reason, Tries: 1}
	}
	c.here[v] = &stay{r, r.Entries, r.Bytes}
	c.putLocked(r, true)
}

// countLocked notes what was sent, and says whether that is more than before.
func (s *stay) countLocked(v *stream.Visit) bool {
	entries, bytes := v.Sent()
	entries, bytes = entries+s.entries, bytes+s.bytes
	more := entries != s.Entries || bytes != s.Bytes
	s.Entries, s.Bytes = entries, bytes
	return more
}

// Left implements [stream.Visitors].
func (c *Capitol) Left(v *stream.Visit, why error, whose stream.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.here[v]
	delete(c.here, v)
	r.countLocked(v)
	r.Ending = ledger.Ending{At: c.now().UTC(), Result: ledger.OK, Fault: whose.String()}
	if why != nil {
		r.Result, r.Said = ledger.Failed, why.Error()
		if whose == stream.NoFault || whose == stream.FaultInBetween {
			r.Result = ledger.Warning // it comes again by itself
		}
	}
	c.putLocked(r.Run, true)
	if !v.Confirmed() {
		c.rememberLocked(r.Run)
	}
}

// rememberLocked keeps a line for who comes again. Those that did not are forgotten when they are many.
func (c *Capitol) rememberLocked(r *ledger.Run) {
	if len(c.vain) >= maxWaiting {
		maps.DeleteFunc(c.vain, func(_ visitor, old *ledger.Run) bool { return r.At.Sub(old.At) >= sameLine })
	}
	if len(c.vain) < maxWaiting {
		c.vain[visitor{r.City, r.Tree, r.Remote}] = r
	}
}

// Reported implements [stream.Visitors]: it is no matter of the log.
func (c *Capitol) Reported(*stream.Visit, stream.Report) {}

// Refused implements [stream.Visitors].
func (c *Capitol) Refused(f stream.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().UTC()
	c.putLocked(&ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Attempt, Began: now, City: f.City, Tree: f.Tree, Remote: f.Remote, Tries: 1,
		Ending: ledger.Ending{At: now, Result: ledger.Failed, Fault: stream.FaultRemote.String(), Said: f.Reason}}, true)
}

// lookLocked has those written again that were sent something.
func (c *Capitol) lookLocked() {
	for v, r := range c.here {
		if r.countLocked(v) {
			c.putLocked(r.Run, false)
		}
	}
}
