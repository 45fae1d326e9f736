package stream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A tree is certain once its journal tells of all that is there. While a first
// walk goes on, the journal grows from nothing: what it does not name may well
// exist. Until then no city is told that it is in step, and none that holds
// something is compared: it would remove what the walk has not reached, and
// fetch it again a moment later. A city that holds nothing begins at once.

// certain says whether the tree's owner has closed Ready.
func (t *Tree) certain() bool {
	if t.Ready == nil {
		return true
	}
	select {
	case <-t.Ready:
		return true
	default:
		return false
	}
}

// mustWait says that the city's comparison begins later.
func (p *subscription) mustWait() bool {
	return p.mode == Full && p.hello.HasContent && !p.tree.certain()
}

// untilCertain waits for the tree; the city hears heartbeats meanwhile.
func (f *feeder) untilCertain(ctx context.Context) error {
	for !f.tree.certain() {
		if err := f.live(ctx, Beat{Position: f.told}); err != nil {
			return err
		}
		clock := time.NewTimer(time.Until(f.due))
		select {
		case <-f.tree.Ready:
		case <-clock.C:
		case <-ctx.Done():
		}
		clock.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	f.setWaits(false)
	return nil
}

// pause waits at the head until there is more to read, the next heartbeat is
// due, or the tree becomes certain: then "in step" can be proved.
func (f *feeder) pause(ctx context.Context) error {
	until, stop := context.WithDeadline(ctx, f.due)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	if !f.tree.certain() {
		watching.Go(func() {
			select {
			case <-f.tree.Ready:
				stop()
			case <-until.Done():
			}
		})
	}
	f.pauses(stop)
	err := f.tree.Journal.Wait(until, f.at.Seq)
	if f.paused(f.at.Seq) {
		f.due = time.Now()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil
	}
	return err
}
