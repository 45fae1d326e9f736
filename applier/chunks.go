package applier

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// chunksName is the folder of large files' lists.
const chunksName = "chunks"

// chunks is where they are kept; nil for a dry run, which writes nothing.
func (c *Config) chunks() *chunk.Store {
	if c.DryRun {
		return nil
	}
	return chunk.NewStore(filepath.Join(c.Root, StateName, chunksName))
}

// Chunks is the list of a node's content, kept or made now, so that a relay can
// serve it; where n.Body.Size is 0, of a content that n had before, if it is kept. A
// [*MovedError] says that there is none.
func (a *Applier) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	if a.hauls.lists == nil {
		return chunk.List{}, &MovedError{n.ID}
	}
	l, err := a.hauls.lists.Demand(ctx, n.Body.Digest, n.Body.Size, func() (chunk.Opened, error) { return a.Open(ctx, n) })
	if errors.Is(err, chunk.ErrInvalid) {
		return chunk.List{}, &MovedError{n.ID}
	}
	return l, err
}
