package stream

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
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
	users   int // guarded by tree.mu
	sizes   *sizes

	mu     sync.Mutex
	pages  map[journal.Seq]*page // by the position they begin after
	order  []journal.Seq         // of pages, oldest first
	proven journal.Position      // of scope
	scope  journal.Digest
}

// page is what comes after a position: usually one message.
type page struct {
	ready    chan struct{} // closed when the rest is set
	messages []*sealed
	position journal.Position // once all of it is applied
	err      error
}

// sealed is a message, in both forms once somebody wanted the second.
type sealed struct {
	plain  []byte
	once   sync.Once
	packed []byte
}

func (m *sealed) form(c *codec, pack bool) []byte {
	if !pack {
		return m.plain
	}
	m.once.Do(func() { m.packed = c.squeeze(m.plain) })
	return m.packed
}

// keepPages is for cities that are a few pages behind the first.
const keepPages = 8

// readTime bounds a read that others wait for: it must not end with the
// connection of the city that happened to ask first.
const readTime = time.Minute

func (t *tree) join(subDirs []string) *share {
	key := strings.Join(subDirs, "\x00")
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shares[key]
	if s == nil {
		s = &share{tree: t, subDirs: subDirs, key: key, pages: make(map[journal.Seq]*page), sizes: &sizes{}}
		t.shares[key] = s
	}
	s.users++
	return s
}

func (t *tree) leave(s *share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(t.shares, s.key)
	}
}

// next is the page after a position; without messages at the head, or where
// what follows is outside the scope.
func (s *share) next(ctx context.Context, at journal.Position) (*page, error) {
	s.mu.Lock()
	pg := s.pages[at.Seq]
	first := pg == nil
	if first {
		pg = &page{ready: make(chan struct{})}
		s.pages[at.Seq] = pg
	}
	s.mu.Unlock()
	if first {
		alone, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		pg.err = s.turn(alone, pg, at.Seq)
		cancel()
		s.keep(at.Seq, pg)
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

// keep remembers a page that brings somebody forward; others are for those
// only who already wait for it.
func (s *share) keep(since journal.Seq, pg *page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pg.err != nil || pg.position.Seq == since {
		delete(s.pages, since)
		return
	}
	s.order = append(s.order, since)
	if len(s.order) > keepPages {
		delete(s.pages, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
}

// turn reads the page after since.
func (s *share) turn(ctx context.Context, pg *page, since journal.Seq) error {
	cursor := s.tree.Journal.Follow(since, s.subDirs)
	fill := filling{tree: s.tree, since: since, sizes: s.sizes}
	keep := func(m *sealed) error { pg.messages = append(pg.messages, m); return nil }
	for {
		chunk, err := cursor.Next(ctx, chunkEntries)
		if err != nil {
			return err
		}
		if cut(&chunk) {
			pg.position = chunk.Position
			if len(chunk.Entries) == 0 {
				return nil
			}
			return fill.parts(ctx, chunk, keep)
		}
		// Only a whole directory that came into the city's scope arrives
		// without a position: it belongs together.
		if err := fill.parts(ctx, chunk, keep); err != nil {
			return err
		}
	}
}

// cut shortens a chunk to about one message, at a place where a reader can go
// on: no entry that is left out may be older than the last that stays. It says
// whether the chunk has a position.
func cut(chunk *journal.Chunk) bool {
	if chunk.Position.IsZero() {
		return false
	}
	size, n := 0, 0
	for ; n < len(chunk.Entries) && size < batchTarget; n++ {
		e := &chunk.Entries[n]
		size += weigh(e)
		if !e.Change.Gone && e.Change.Node.Body.Size <= MaxInline {
			size += int(e.Change.Node.Body.Size)
		}
	}
	oldest := chunk.Position.Seq + 1
	end := len(chunk.Entries)
	for i := end - 1; i >= max(0, n-1); i-- {
		e := &chunk.Entries[i]
		if e.Seq < oldest && !e.Digest.IsZero() {
			end = i + 1
		}
		oldest = min(oldest, e.Seq)
	}
	if end < len(chunk.Entries) {
		last := &chunk.Entries[end-1]
		chunk.Entries, chunk.Done = chunk.Entries[:end], false
		chunk.Position = journal.Position{Epoch: chunk.Position.Epoch, Seq: last.Seq, Digest: last.Digest}
	}
	return true
}

// digest is the scope's, remembered while the head stays.
func (s *share) digest(ctx context.Context) (journal.Digest, journal.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head := s.tree.Journal.Position(); head == s.proven && !head.IsZero() {
		return s.scope, s.proven, nil
	}
	scope, pos, err := s.tree.Journal.ScopeDigest(ctx, s.subDirs)
	if err != nil {
		return journal.Digest{}, journal.Position{}, err
	}
	s.scope, s.proven = scope, pos
	return scope, pos, nil
}

// short is the error of a read that found less than the node has: the file was
// cut meanwhile.
func short(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrMoved
	}
	return err
}
