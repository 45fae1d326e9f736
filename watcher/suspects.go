package watcher

import (
	"context"
	"crypto/sha256"
	"hash"
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
// unchanged size and mtime, or that somebody could store into through a mapping when they
// were read. They are read again in the background, as many bytes as the journal has a
// digest of; a difference makes the path dirty, to be read as a whole. The rows say so too
// ([journal.Seen], Unproven): a walk finds again what was forgotten, at the next start for example.
type suspects struct {
	mu    sync.Mutex
	by    map[string]suspect
	quiet time.Duration
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
		if now.Sub(s.last) >= q.quiet || now.Sub(s.first) >= suspectMax {
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
	begun := time.Now()
	st, err := statAt(fd, "")
	if err != nil || st.kind != journal.File || st.ino != row.Seen.Ino || st.size < row.Node.Body.Size {
		return nil
	}
	who := probe(fd)
	if who == someWriters && s.reader.tick.stores {
		// The pages are clean now, so that the next store into one moves the mtime.
		_ = unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
	}
	c := &content{st: st, size: row.Node.Body.Size, base: row.Node.Body.Digest, grown: true, idle: who == noWriters,
		held: who == someWriters && !s.reader.tick.stores, racy: s.reader.tick.racy(&st, begun)}
	h, err := slowly(ctx, limit, fd, c.size)
	if err == nil {
		err = c.seal(fd, h)
	}
	switch {
	case err != nil:
		return ctx.Err()
	case c.digest != row.Node.Body.Digest:
		now := time.Now()
		s.dirty.later(mark{path: path, whole: true, first: now, last: now, due: now})
		return nil
	}
	c.xattrs, c.xattrErr = xattrsOf(fd)
	return s.vouch(ctx, path, &row, c)
}

// vouch hands over that a row's bytes are those of the file, unless more came to
// it meanwhile: then there will be another doubt. A file that stays open where stores into a
// mapping leave no trace is read again and again.
func (s *session) vouch(ctx context.Context, path string, row *journal.Stored, c *content) error {
	if c.held {
		s.suspects.add(path, time.Now().Add(suspectMax-suspectQuiet))
	}
	if c.held == row.Seen.Unproven && !row.Seen.Racy || c.size != c.st.size {
		return nil
	}
	now := time.Now()
	return s.walks.hand(ctx, unit{items: []item{{mark: mark{path: path, first: now, last: now}, found: c}}})
}

// slowly hashes a file's first bytes.
func slowly(ctx context.Context, limit *rate.Limiter, fd int, size int64) (hash.Hash, error) {
	h := sha256.New()
	buf := make([]byte, readBlock)
	for at := int64(0); at < size; {
		b := buf[:min(readBlock, size-at)]
		if err := limit.WaitN(ctx, len(b)); err != nil {
			return nil, err
		}
		if _, err := preadFull(fd, b, at); err != nil {
			return nil, err
		}
		h.Write(b)
		at += int64(len(b))
	}
	return h, nil
}
