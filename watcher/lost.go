package watcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// A lost root is looked for so often.
const lostEvery = 500 * time.Millisecond

// suspicious says why the root should not be believed at the start: it is
// empty, and the journal knows better. It may not be mounted yet.
func (w *Watcher) suspicious(ctx context.Context) (error, error) {
	stats, err := w.journal.Stats(ctx)
	if err != nil {
		return nil, err
	}
	if stats.Existed {
		w.note(ctx, journal.Downtime, stats.LastSeen, "not running since %s", stats.LastSeen.UTC().Format(time.RFC3339))
	}
	return w.emptied(ctx, w.rootNow()), nil
}

// emptied is an error if a root is empty while the journal knows paths.
func (w *Watcher) emptied(ctx context.Context, r *root) error {
	if w.cfg.AcceptEmpty {
		return nil
	}
	stats, err := w.journal.Stats(ctx)
	if err != nil || stats.Nodes <= 1 {
		return err
	}
	empty, err := r.empty()
	if err != nil {
		return fmt.Errorf("%w: list %s: %w", errLost, r.path, err)
	}
	if empty {
		return fmt.Errorf("%w: %s is empty but the journal knows %d paths (is it mounted?)", errLost, r.path, stats.Nodes-1)
	}
	return nil
}

func (r *root) empty() (bool, error) {
	fd, err := r.open("", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	f := os.NewFile(uintptr(fd), r.path)
	defer f.Close()
	names, err := f.Readdirnames(2)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return len(names) == 0 || len(names) == 1 && names[0] == "lost+found", err
}

func (w *Watcher) lose(ctx context.Context, why error) {
	w.losses.Add(1)
	w.facts.set(func(s *Status) { s.State, s.Why = SourceLost, why.Error() })
	w.note(ctx, journal.SourceLost, time.Now(), "%v", why)
}

// await waits until the root is there again: the directory that was lost, or
// another one on the same device that somebody put in its place. What
// appears on another device under another inode may be anything; a restart believes it.
func (w *Watcher) await(ctx context.Context) error {
	tick := time.NewTicker(lostEvery)
	defer tick.Stop()
	was := w.rootNow()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		r, err := openRoot(w.cfg.Root)
		if err == nil {
			if err = w.believable(ctx, was, r); err == nil {
				w.replaceRoot(r)
				return nil
			}
			r.close()
		}
		w.facts.set(func(s *Status) { s.Why = err.Error() })
	}
}

func (w *Watcher) believable(ctx context.Context, was, now *root) error {
	if now.id.dev != was.id.dev && now.id.ino != was.id.ino {
		row, err := w.journal.Node(ctx, journal.Root)
		if err != nil || row.Seen.Ino != now.id.ino {
			return fmt.Errorf("%w: %s is on another device than it was, and is another directory; restart to take it as it is", errLost, now.path)
		}
	}
	return w.emptied(ctx, now)
}

func (w *Watcher) replaceRoot(r *root) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life.root.close()
	w.life.root = r
}
