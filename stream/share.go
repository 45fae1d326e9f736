package stream

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// share is what all cities with the same scope of a tree have in common: the
// next messages after a position. A thousand cities at the head cost one read
// of the journal, one read of the content and one encoding.
type share struct {
	tree    *tree
	subDirs []string
	key     string
	users   atomic.Int32 // changed under tree.mu
	sizes   *sizes

	mu     sync.Mutex
	pages  pages
	proven journal.Position // of scope
	scope  journal.Digest
	added  time.Time // when the scope was added up
}

// readTime bounds a read that others wait for: it must not end with the
// connection of the city that happened to ask first.
const readTime = time.Minute

func (t *tree) join(subDirs []string) *share {
	key := strings.Join(subDirs, "\x00")
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shares[key]
	if s == nil {
		s = &share{tree: t, subDirs: subDirs, key: key, pages: pages{by: make(map[opening]*page)}, sizes: &sizes{}}
		t.shares[key] = s
	}
	s.users.Add(1)
	return s
}

func (t *tree) leave(s *share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.users.Add(-1) == 0 {
		delete(t.shares, s.key)
	}
}

// next is the page after a position; without messages at the head, or where
// what follows is outside the scope. Before is the page that the city had last, or nil; who has
// everything up to at is certain.
func (s *share) next(ctx context.Context, at journal.Position, before *page, certain bool) (*page, error) {
	var ahead journal.Chunk
	if before != nil {
		ahead = before.more
	}
	o := opening{since: at.Seq, who: s.reader(len(ahead.Entries) > 0, certain)}
	s.mu.Lock()
	pg := s.pages.by[o]
	first := pg == nil
	if first {
		pg = &page{ready: make(chan struct{})}
		s.pages.by[o] = pg
	}
	s.pages.take(o, pg, int(s.users.Load()))
	s.mu.Unlock()
	if first {
		alone, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		pg.err = s.turn(alone, pg, o, ahead)
		cancel()
		s.mu.Lock()
		s.pages.keep(o, pg, int(s.users.Load()))
		s.mu.Unlock()
		close(pg.ready)
	}
	select {
	case <-pg.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if pg.err == nil && pg.position.Epoch != at.Epoch {
		return nil, journal.ErrOtherEpoch
	}
	return pg, pg.err
}

// reader is who turns the page. Only parts of a tree have an outside to move from.
func (s *share) reader(ahead, certain bool) reader {
	switch {
	case certain || len(s.subDirs) == 0:
		return sure
	case ahead:
		return within
	}
	return unsure
}

// turn makes the page: of what was read ahead, or of the journal.
func (s *share) turn(ctx context.Context, pg *page, at opening, ahead journal.Chunk) error {
	fill := filling{tree: s.tree, only: whole(s.subDirs), since: at.since, sizes: s.sizes}
	if len(ahead.Entries) > 0 {
		return pg.finish(ctx, &fill, ahead)
	}
	cursor := s.tree.Journal.Follow(at.since, s.subDirs)
	if at.who == unsure {
		cursor.Unsure()
	}
	for {
		chunk, err := cursor.Next(ctx, chunkEntries)
		if err != nil {
			return err
		}
		if !chunk.Position.IsZero() {
			return pg.finish(ctx, &fill, chunk)
		}
		// Only a whole directory that came into the city's scope arrives
		// without a position: it belongs together.
		pg.entries += len(chunk.Entries)
		if err := fill.parts(ctx, chunk, pg.add); err != nil {
			return err
		}
	}
}

// digestAge is how long a digest is remembered while the head stays: a relay's rows
// change without it, when a path is made at last that could not be made before. For
// as many cities as there are it is one look a second.
const digestAge = time.Second

// digest is the scope's.
func (s *share) digest(ctx context.Context) (journal.Digest, journal.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head := s.tree.Journal.Position(); head == s.proven && !head.IsZero() && time.Since(s.added) < digestAge {
		return s.scope, s.proven, nil
	}
	scope, pos, err := s.tree.Journal.ScopeDigest(ctx, s.subDirs)
	if err != nil {
		return journal.Digest{}, journal.Position{}, err
	}
	s.scope, s.proven, s.added = scope, pos, time.Now()
	return scope, pos, nil
}
