package stream

import (
	"context"
	"errors"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// Lister knows contents as chunks, so that a city fetches of an edited file only
// what was edited. The watcher is one, and the applier of a relay.
type Lister interface {
	// Chunks is the list of n's content; where Size is 0, of a content that n had
	// before, which only a list that was kept can tell. An error whose Moved() is
	// true (or that is [ErrMoved]) says that there is none.
	Chunks(ctx context.Context, n journal.Node) (chunk.List, error)
}

// list answers a city that asks for a list, beside its other requests.
func (p *subscription) list(ctx context.Context, m list) error {
	if !p.lists {
		return broken("a list is asked for, which was not agreed on")
	}
	return p.serve(ctx, want{Request: m.Request, Node: m.Node, Digest: m.Digest}, p.answerList)
}

func (p *subscription) answerList(ctx context.Context, m want) error {
	if err := p.tree.within(ctx, p.may, m.Node); err != nil {
		return err
	}
	l, err := p.tree.chunks(ctx, m.Node, m.Digest)
	if err != nil {
		return err
	}
	message, err := p.srv.codec.pack(kindChunks, toChunks(chunks{m.Request, l}))
	if err != nil {
		return err
	}
	p.srv.meter.lists.Add(int64(len(message)))
	return p.out.deliver(ctx, message, make(chan struct{}, 1))
}

// chunks is the list of a content that the node has, or had.
func (t *tree) chunks(ctx context.Context, id journal.NodeID, digest journal.Digest) (chunk.List, error) {
	st, err := t.Journal.Node(ctx, id)
	if errors.Is(err, journal.ErrNotFound) || err == nil && (st.Gone || st.Node.Kind != journal.File) {
		return chunk.List{}, ErrMoved
	}
	if err != nil {
		return chunk.List{}, err
	}
	if st.Node.Body.Digest != digest {
		st.Node.Body = journal.Content{Digest: digest}
	}
	return t.Lists.Chunks(ctx, st.Node)
}
