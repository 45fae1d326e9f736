package runs

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// Capitol hears a server's visitors.
type Capitol struct {
	*Log
	here map[*stream.Visit]*ledger.Run
}

var _ stream.Visitors = (*Capitol)(nil)

// NewCapitol keeps the log of a server. Nothing is written before Run.
func NewCapitol(book Book, log zerolog.Logger) *Capitol {
	c := &Capitol{Log: newLog(book, log), here: make(map[*stream.Visit]*ledger.Run)}
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

// Came implements [stream.Visitors].
func (c *Capitol) Came(v *stream.Visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, Began: v.Since.UTC(), City: v.City, Tree: v.Tree, Remote: v.Remote,
		Mode: v.Mode.String(), Reason: v.Reason, Tries: 1}
	c.here[v] = r
	c.putLocked(r, true)
}

// Left implements [stream.Visitors].
func (c *Capitol) Left(v *stream.Visit, why error, whose stream.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.here[v]
	delete(c.here, v)
	r.Entries, r.Bytes = v.Sent()
	r.Ending = ledger.Ending{At: c.now().UTC(), Result: ledger.OK, Fault: whose.String()}
	if why != nil {
		r.Result, r.Said = ledger.Failed, why.Error()
		if whose == stream.NoFault || whose == stream.FaultInBetween {
			r.Result = ledger.Warning // it comes again by itself
		}
	}
	c.putLocked(r, true)
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
		if entries, bytes := v.Sent(); entries != r.Entries || bytes != r.Bytes {
			r.Entries, r.Bytes = entries, bytes
			c.putLocked(r, false)
		}
	}
}
