package applier

import (
	"context"
	"errors"
	"time"
)

// sweepEvery is how often the trash is looked through; trash that is a minute
// too old hurts nobody.
const sweepEvery = time.Minute

// verifyAgain is when a verify is tried again that did not come to its end.
const verifyAgain = time.Minute

// verifyFirst is when the first verify begins that nothing else has begun before:
// one beside the first copy, or beside what changed meanwhile, would take
// half of the machine from it.
const verifyFirst = time.Minute

// Run does what time brings until ctx ends: a verify with repair as soon as
// the tree is in step, and every VerifyEvery; failed paths tried again, the trash swept.
func (a *Applier) Run(ctx context.Context, f Fetcher) error {
	sweep := now()
	verify := sweep.Add(min(a.cfg.VerifyEvery, verifyFirst))
	for {
		if ctx.Err() != nil {
			return nil
		}
		at := now()
		if !at.Before(verify) || a.troubles.wantsVerify() {
			verify = now().Add(a.cfg.VerifyEvery)
			if !a.runVerify(ctx, f) {
				verify = now().Add(min(a.cfg.VerifyEvery, verifyAgain))
			}
		}
		if entries := a.troubles.due(at); len(entries) > 0 {
			a.report("retry", a.Apply(ctx, Set{Entries: entries}, f))
		}
		if !at.Before(sweep) {
			a.report("sweep", a.trash.sweep(at))
			sweep = now().Add(sweepEvery)
		}
		a.sleep(ctx, verify, sweep, a.hauls.callShort(at))
	}
}

// runVerify says whether it came to its end.
func (a *Applier) runVerify(ctx context.Context, f Fetcher) bool {
	r, err := a.Verify(ctx, false, f)
	a.report("verify", err)
	killed := a.folders.killed
	a.folders.killed = false
	if err != nil || r.Equal() {
		return err == nil
	}
	log, phrase := a.cfg.Log.Info(), "destination was changed"
	if killed { // while a set was being staged, say: nobody was at the destination
		log, phrase = a.cfg.Log.Debug(), "finished what was interrupted"
	}
	log.Int64("missing", r.Missing).Int64("differs", r.Differs).Int64("repaired", r.Repaired).Msg(phrase)
	return true
}

func (a *Applier) report(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
		a.cfg.Log.Warn().Str("task", what).Err(err).Msg("background task failed")
	}
}

// sleep waits for the next time, a poke, or the end.
func (a *Applier) sleep(ctx context.Context, times ...time.Time) {
	next := a.troubles.nextRetry()
	for _, t := range times {
		if next.IsZero() || !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	timer := time.NewTimer(max(time.Until(next), time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-a.poke:
	}
}

func (t *troubles) nextRetry() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.retry
}
