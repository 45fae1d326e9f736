package watcher

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

const (
	suspectQuiet = 30 * time.Second // a file is read again when nothing was appended for so long
	suspectMax   = 10 * time.Minute // ... or at the latest after this
	suspectRate  = 32 << 20         // bytes a second
	suspectTick  = time.Second
	maxSuspects  = 4 << 10 // beyond it the oldest wait for the next event
)

// suspects are files whose bytes were believed by their last block, or by an
// unchanged size and mtime. They are read again in the background, as many bytes as
// the journal has a digest of; a difference makes the path dirty, to be read
// as a whole.
type suspects struct {
	mu sync.Mutex
	by map[string]suspect
}

type suspect struct{ first, last time.Time }

func (q *suspects) add(path string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.by == nil {
		q.by = map[string]suspect{}
	}
	s, known := q.by[path]
	if !known {
		if len(q.by) >= maxSuspects {
			return
		}
		s.first = now
	}
	s.last = now
	q.by[path] = s
}

// take removes one that is due.
func (q *suspects) take(now time.Time) (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for path, s := range q.by {
		if now.Sub(s.last) >= suspectQuiet || now.Sub(s.first) >= suspectMax {
			delete(q.by, path)
			return path, true
		}
	}
	return "", false
}

// runSuspects works until ctx ends.
func (s *session) runSuspects(ctx context.Context) error {
	limit := rate.NewLimiter(suspectRate, readBlock)
	tick := time.NewTicker(suspectTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			for path, ok := s.suspects.take(now); ok; path, ok = s.suspects.take(now) {
				if err := s.verify(ctx, limit, path); err != nil {
					return err
				}
			}
		}
	}
}

// verify reads what the journal has a digest of. Whatever hinders it is no news:
// an event or the next reconcile sees to it.
func (s *session) verify(ctx context.Context, limit *rate.Limiter, path string) error {
	row, err := s.journal.Resolve(ctx, path)
	if err != nil || row.Node.Kind != journal.File {
		return ctx.Err()
	}
	fd, err := s.root.open(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	st, err := statAt(fd, "")
	if err != nil || st.kind != journal.File || st.ino != row.Seen.Ino {
		return nil
	}
	h := sha256.New()
	buf := make([]byte, readBlock)
	for at := int64(0); at < row.Node.Body.Size; {
		b := buf[:min(readBlock, row.Node.Body.Size-at)]
		if err := limit.WaitN(ctx, len(b)); err != nil {
			return err
		}
		if _, err := preadFull(fd, b, at); err != nil {
			return nil
		}
		h.Write(b)
		at += int64(len(b))
	}
	if row.Seen.Racy || journal.Digest(h.Sum(nil)) != row.Node.Body.Digest {
		now := time.Now()
		s.dirty.later(mark{path: path, whole: true, first: now, last: now, due: now})
	}
	return nil
}
