package runs

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// Seen is what a city knows of its highway.
type Seen struct {
	Link    stream.State
	Began   time.Time // when it was told how it is brought up to date; what follows is since then
	Entries int64     // applied
	Bytes   int64     // of content
	Failed  int64     // paths that could not be made, at the last comparison
}

// City makes lines of what is seen of one highway.
type City struct {
	*Log
	city, tree string

	line    *ledger.Run // the connection; nil between two
	refused *ledger.Run // the line of the one before, if this end refused what came; nil: it did not
	had     [2]int64    // entries and bytes that the line had before this connection
	link    time.Time   // since when it stands
	before  time.Time   // Seen.Began of the one before
	known   bool        // it is in the ledger, or on its way there
	attempt *ledger.Run // in vain, since the last connection; nil: none
	over    time.Time   // the last ending that was noted
	failed  int64
}

// NewCity keeps the log of a highway. Nothing is written before Run.
func NewCity(book Book, city, tree string, log zerolog.Logger) *City {
	return &City{Log: newLog(book, log), city: city, tree: tree}
}

// Run writes until ctx ends. The replica is this process's: what an earlier one left
// open is over. Without earlier ones there is no ledger to look into.
func (c *City) Run(ctx context.Context, earlier bool) {
	if earlier {
		c.told(ctx, c.book(ctx, func(b *ledger.Ledger) error { return b.Orphans(ctx, ledger.AtCity, c.tree) }))
	}
	c.run(ctx)
}

// Hear is told of every change.
func (c *City) Hear(s *Seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stands := s.Link.Phase == stream.Connected
	if c.line != nil && (!stands || s.Link.Since != c.link) {
		c.endLocked(s.Link.Err, s.Link.Fault, resultOf(s.Link.Err, s.Link.Fault))
		c.over = s.Link.Since
	}
	switch {
	case stands && c.line == nil:
		w := &s.Link.Welcome
		c.line = c.runLocked(ledger.Session, s.Link.From, s.Link.Since)
		c.line.Mode, c.line.Reason = w.Mode.String(), w.Reason
		c.link, c.before, c.known, c.failed, c.had = s.Link.Since, s.Began, false, 0, [2]int64{}
	case stands && s.Began != c.before:
		c.countLocked(s)
	case s.Link.Phase == stream.Waiting && s.Link.Fault != stream.NoFault && s.Link.Since != c.over:
		c.over = s.Link.Since
		c.vainLocked(s.Link.From, s.Link.Err, s.Link.Fault, ledger.Failed)
	}
}

func (c *City) runLocked(kind ledger.Kind, from string, since time.Time) *ledger.Run {
	return &ledger.Run{Side: ledger.AtCity, Kind: kind, Began: since.UTC(), City: c.city, Tree: c.tree, Remote: from, Tries: 1}
}

// countLocked notes what came. The first of it makes the line one that is written.
func (c *City) countLocked(s *Seen) {
	c.failed = s.Failed
	if !c.known && (s.Entries > 0 || s.Bytes > 0) {
		c.goOnLocked()
	}
	entries, bytes := s.Entries+c.had[0], s.Bytes+c.had[1]
	if entries == c.line.Entries && bytes == c.line.Bytes {
		return
	}
	c.line.Entries, c.line.Bytes = entries, bytes
	c.attempt = nil
	c.putLocked(c.line, !c.known)
	c.known = true
}

// goOnLocked: what came before this end refused the rest, as a city does that is held, comes anew each
// time. That is the same line.
func (c *City) goOnLocked() {
	r := c.refused
	c.refused = nil
	if r == nil || r.Remote != c.line.Remote || r.Mode != c.line.Mode || c.line.Began.Sub(r.At) >= sameLine {
		return
	}
	r.Ending = ledger.Ending{}
	r.Tries++
	c.line, c.had = r, [2]int64{r.Entries, r.Bytes}
}

// endLocked ends the connection's line. One that brought nothing is no line if nothing
// was wrong, and else an attempt like others.
func (c *City) endLocked(why error, whose stream.Fault, result ledger.Result) {
	r := c.line
	c.line = nil
	switch {
	case !c.known && result == ledger.OK:
		return
	case !c.known:
		c.vainLocked(r.Remote, why, whose, result)
		return
	}
	r.Ending = ledger.Ending{At: c.now().UTC(), Result: result, Fault: whose.String()}
	if why != nil {
		r.Said = why.Error()
	} else if c.failed > 0 {
		r.Result, r.Fault, r.Said = ledger.Warning, stream.FaultLocal.String(), "some paths could not be made: see hydrasync status"
	}
	if whose == stream.FaultLocal && result == ledger.Failed {
		c.refused = r
	}
	c.putLocked(r, true)
}

// vainLocked counts an attempt that led to nothing; the same again is the same line.
func (c *City) vainLocked(from string, why error, whose stream.Fault, result ledger.Result) {
	now := c.now().UTC()
	if r := c.attempt; r != nil && r.Remote == from && r.Said == why.Error() {
		r.Tries++
		r.At, r.Result = now, result
		c.putLocked(r, result == ledger.Fatal)
		return
	}
	r := c.runLocked(ledger.Attempt, from, now)
	r.Ending = ledger.Ending{At: now, Result: result, Fault: whose.String(), Said: why.Error()}
	c.attempt = r
	c.putLocked(r, true)
}

// Stop is told why the highway ends; nil if nothing is wrong.
func (c *City) Stop(from string, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	whose, result := stream.FaultLocal, ledger.Fatal
	switch {
	case why == nil:
		whose, result = stream.NoFault, ledger.OK
	case errors.As(why, new(*stream.RefusedError)):
		whose = stream.FaultRemote
	}
	switch {
	case c.line != nil:
		c.endLocked(why, whose, result)
	case why != nil:
		c.vainLocked(from, why, whose, result)
	}
}

// resultOf: what a network does passes, and so does a difference, by a comparison. What is
// nobody's fault is the city's own will: its hours are over.
func resultOf(why error, whose stream.Fault) ledger.Result {
	switch {
	case whose == stream.NoFault:
		return ledger.OK
	case whose == stream.FaultInBetween, errors.Is(why, stream.ErrDiffers):
		return ledger.Warning
	}
	return ledger.Failed
}
