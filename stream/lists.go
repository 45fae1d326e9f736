package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// ErrNoLists: the capitol does not tell contents as chunks.
var ErrNoLists = errors.New("the capitol has no chunk lists")

// Chunks asks for the list of a content that n has, or had before: n.Body says
// which. Several may run at once, also while a subscriber's Apply waits for
// them. Errors: [ErrNoLists], [ErrMoved], [ErrUnreadable], [ErrDisconnected], ctx's,
// and [chunk.ErrInvalid] for a list that cannot be of that content.
func (c *Client) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return chunk.List{}, fmt.Errorf("list node %d: %w", n.ID, ErrDisconnected)
	}
	l, err := s.chunks(ctx, n)
	if err == nil {
		err = l.Check(n.Body.Size)
	}
	if err != nil {
		return chunk.List{}, fmt.Errorf("list node %d: %w", n.ID, err)
	}
	return l, nil
}

func (s *session) chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	if !slices.Contains(s.welcome.Features, featureChunks) {
		return chunk.List{}, ErrNoLists
	}
	if err := s.asks.places.Acquire(ctx, 1); err != nil {
		return chunk.List{}, err
	}
	a, err := s.asks.begin(want{Node: n.ID, Digest: n.Body.Digest})
	if err != nil {
		return chunk.List{}, err
	}
	f := fetching{session: s, open: []*ask{a}}
	defer f.abandon()
	if err := s.say(kindList, toList(list{a.want.Request, n.ID, n.Body.Digest})); err != nil {
		return chunk.List{}, fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return a.waitList(ctx)
}

// lists says that it asks for a list and not for bytes.
func (a *ask) lists() bool { return a.want.Length == 0 }

// waitList is for asks that [asks.takeChunks] answers.
func (a *ask) waitList(ctx context.Context) (chunk.List, error) {
	for {
		a.mu.Lock()
		l, err := a.list, a.err
		a.mu.Unlock()
		switch {
		case l != nil:
			return *l, nil
		case err != nil:
			return chunk.List{}, err
		}
		select {
		case <-a.wake:
		case <-ctx.Done():
			return chunk.List{}, ctx.Err()
		}
	}
}

// takeChunks gives an answer to who waits for it.
func (r *asks) takeChunks(m chunks) error {
	a, err := r.find(m.Request)
	if a == nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.lists() || a.list != nil || a.err != nil {
		return broken("chunks that were not asked for, to request %d", m.Request)
	}
	a.list = &m.List
	a.signal()
	return nil
}
