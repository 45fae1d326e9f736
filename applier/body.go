package applier

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// Body is a file's content, open for reading at any place.
type Body interface {
	io.ReaderAt
	io.Closer
}

// Open opens a node's content, so that a relay can serve it. A [*MovedError]
// means that the disk does not have that content: by the row it is another, or
// somebody was at the file.
func (a *Applier) Open(ctx context.Context, n journal.Node) (Body, error) {
	s, ok, err := row(ctx, a.journal, n.ID)
	if err != nil {
		return nil, err
	}
	if !ok || s.Node.Kind != journal.File || s.Node.Body != n.Body {
		return nil, &MovedError{n.ID}
	}
	f, err := a.openRow(ctx, &s)
	if pathOnly(err) || errors.Is(err, journal.ErrNotFound) {
		return nil, &MovedError{n.ID}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (a *Applier) openRow(ctx context.Context, s *journal.Stored) (*beneath.File, error) {
	path, err := a.journal.Path(ctx, s.Node.ID)
	if err != nil {
		return nil, err
	}
	dir, err := a.folders.root.Dir(path[:max(strings.LastIndexByte(path, '/'), 0)])
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.Read(s.Node.Name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !sameBytes(st, &s.Seen) {
		err = errLost
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
