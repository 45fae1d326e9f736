package main

import (
	"cmp"
	"context"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/hydrasync/hydrasync/stream"
)

// narrator tells of one highway: a bar and plain lines to a person, log lines
// elsewhere. It only looks; nothing waits for it.
type narrator struct {
	a       *app
	c       *city
	total   func(context.Context) int64 // paths at the other end, as far as known
	started time.Time
	bar     *progressbar.ProgressBar
	told    told
}

// told is what was last said, so that it is not said again.
type told struct {
	waiting bool
	trouble string
	inStep  bool
	loop    string
}

// barStep is how often a bar moves at most: seldom enough to cost nothing.
const barStep = 100 * time.Millisecond

func newNarrator(a *app, c *city) *narrator {
	return &narrator{a: a, c: c, started: time.Now(), told: told{trouble: diskOK}, total: func(context.Context) int64 {
		now, _ := c.sight.look()
		return now.Nodes
	}}
}

// run narrates until ctx ends, and then once more: a --once ends with its last line.
func (n *narrator) run(ctx context.Context) error {
	for ctx.Err() == nil {
		now, moved := n.c.sight.look()
		n.tell(ctx, &now)
		select {
		case <-moved:
		case <-ctx.Done():
		}
		select {
		case <-time.After(barStep):
		case <-ctx.Done():
		}
	}
	now, _ := n.c.sight.look()
	n.tell(context.WithoutCancel(ctx), &now)
	n.clear()
	return nil
}

func (n *narrator) tell(ctx context.Context, now *situation) {
	n.tellLink(now)
	n.tellLoop(now)
	n.tellTrouble(ctx)
	switch {
	case n.c.inStep(now) && !n.told.inStep:
		n.told.inStep = true
		n.clear()
		n.tellInStep(ctx, now)
	case n.c.inStep(now):
	case now.Link.Phase == stream.Connected && !n.told.inStep:
		n.move(ctx, now)
	}
}

// tellLink says when the capitol is out of reach, and why.
func (n *narrator) tellLink(now *situation) {
	waiting := now.Link.Phase == stream.Waiting && now.Link.Fault != stream.FaultLocal
	if waiting && !n.told.waiting {
		n.clear()
		n.told.inStep = false
		from := stream.Display(cmp.Or(now.Link.From, n.c.conf.From))
		if !n.a.say("waiting for the capitol at %s: %v", from, now.Link.Err) {
			n.c.log.Warn().Err(now.Link.Err).Str("from", from).Msg("waiting for the capitol")
		}
	}
	n.told.waiting = waiting || n.told.waiting && now.Link.Phase != stream.Connected
}

// tellLoop says once that this city is fed by what it feeds.
func (n *narrator) tellLoop(now *situation) {
	loop := n.c.loop(now)
	if loop == n.told.loop {
		return
	}
	if n.told.loop = loop; loop == "" {
		return
	}
	n.clear()
	if !n.a.say("warning: in a loop: %s", loop) {
		n.c.log.Warn().Str("loop", loop).Msg("in a loop: what is new at the capitol does not come here")
	}
}

// tellTrouble says once what the disk refuses as a whole.
func (n *narrator) tellTrouble(ctx context.Context) {
	st, err := n.c.disk.Status(ctx)
	if err != nil || st.State == n.told.trouble {
		return
	}
	n.told.trouble = st.State
	if st.State == diskOK {
		return
	}
	state, why := st.State, n.c.why(&st)
	n.clear()
	n.told.inStep = false
	if !n.a.say("%s: %s", state, why) {
		n.c.log.Error().Str("state", state).Str("why", why).Msg("the destination refuses")
	}
}

func (n *narrator) tellInStep(ctx context.Context, now *situation) {
	st, err := n.c.disk.Journal().Stats(ctx)
	if err != nil {
		n.c.log.Error().Err(err).Msg("cannot read the city's journal")
		return
	}
	took := time.Since(n.started)
	n.c.log.Info().Uint64("seq", uint64(now.Proven.Seq)).Int64("paths", st.Nodes).Int64("bytes", st.Bytes).
		Dur("took", took).Int64("failed", now.Failed).Msg("in step")
	if now.Failed > 0 {
		n.a.say("in step but for %s paths that could not be made: see hydrasync status", countText(now.Failed))
		return
	}
	n.a.say("in step: %s paths, %s, in %s", countText(st.Nodes), bytesText(st.Bytes), tookText(took))
}

// move shows how far catching up is.
func (n *narrator) move(ctx context.Context, now *situation) {
	if !n.a.people() {
		return
	}
	st, err := n.c.disk.Journal().Stats(ctx)
	if err != nil {
		return
	}
	total := max(n.total(ctx), st.Nodes, 1)
	if n.bar == nil {
		n.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(n.a.err), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("paths"), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(barStep), progressbar.OptionSetElapsedTime(true))
	}
	n.bar.ChangeMax64(total + 1) // never full before the digests agree
	n.bar.Describe(now.Mode.String())
	_ = n.bar.Set64(st.Nodes)
}

func (n *narrator) clear() {
	if n.bar != nil {
		_ = n.bar.Clear()
		n.bar = nil
	}
}
