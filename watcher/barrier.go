package watcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// UncertainError says that a change may have been missed: what a caller waits for
// may not be in the journal yet, although nothing is left to look at.
type UncertainError struct{ Why string }

func (e *UncertainError) Error() string { return "changes may have been missed: " + e.Why }

// echoAgain is after how long an echo counts as lost, with other events of a queue that overflowed.
const echoAgain = 2 * time.Second

// Barrier returns a position of the journal that tells of everything that was saved in the
// tree before the call. A file of our own is made in [Config.Echo], which the same inotify
// instance watches: when its event comes, all earlier ones have come
// (inotify(7): events are read in the order in which they happened). Then
// everything that was dirty is looked at. What somebody still holds open for writing is
// in it as of max-wait at the latest. It fails with an [*UncertainError] where
// events are lost or directories are polled.
func (w *Watcher) Barrier(ctx context.Context) (journal.Position, error) {
	select {
	case <-w.ready:
	case <-ctx.Done():
		return journal.Position{}, fmt.Errorf("the first look through the tree is not at its end: %w", ctx.Err())
	}
	s := w.current()
	if s == nil {
		return journal.Position{}, &UncertainError{"the source is lost, see status"}
	}
	lost := w.Lost()
	if err := s.settle(ctx); err != nil {
		return journal.Position{}, err
	}
	if n := s.unwatched.size(); n > 0 {
		return journal.Position{}, &UncertainError{fmt.Sprintf("%d directories are not watched but polled, see status", n)}
	}
	if w.Lost() != lost {
		return journal.Position{}, &UncertainError{"the kernel's queue of events overflowed meanwhile; the tree is being compared"}
	}
	return w.journal.Position(), nil
}

// Lost counts how often the watcher could not hear everything, since it was made: an
// overflow, a root that was lost. A caller who waits longer than [Watcher.Barrier] compares.
func (w *Watcher) Lost() uint64 { return w.losses.Load() }

func (s *session) settle(ctx context.Context) error {
	if err := s.echo(ctx); err != nil {
		return err
	}
	return s.calm(ctx)
}

// calmRounds is for directories in directories, each of which shows another inode than
// before: a look sends a walk into it when it has had its window, and so on downwards. In a tree
// that changes all the time the waiting has to end some day.
const calmRounds = 100

// calm waits until what is dirty now is looked at, and walked where it is a directory.
func (s *session) calm(ctx context.Context) error {
	for range calmRounds {
		if err := s.waitFor(ctx, s.dirty.settled()); err != nil {
			return err
		}
		for _, j := range s.walks.under() {
			if err := s.waitFor(ctx, j.done); err != nil {
				return err
			}
		}
		if s.dirty.quiet() && len(s.walks.under()) == 0 && s.dirty.quiet() { // a walk may have ended in between
			return nil
		}
	}
	return nil
}

func (s *session) echo(ctx context.Context) error {
	for {
		heard, err := s.notify.echo()
		if err != nil {
			return err
		}
		once, end := context.WithTimeout(ctx, echoAgain)
		err = s.waitFor(once, heard)
		end()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (s *session) waitFor(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-s.over:
		return &UncertainError{"the source was lost meanwhile, see status"}
	case <-ctx.Done():
		return ctx.Err()
	}
}
