package applier

import (
	"context"
	"encoding"
	"errors"
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// stageContent makes the node's bytes in staging: from what came along, from a
// file that has them already, or from the capitol.
func (r *round) stageContent(ctx context.Context, t *task) error {
	body, inline := r.set.Bodies[t.node.ID]
	inline = inline && int64(len(body)) == t.node.Body.Size || t.node.Body.Size == 0
	if !inline {
		if done, err := r.reuse(ctx, t); done || err != nil {
			return err
		}
	}
	return r.partials.with(t.node.Body, inline, func(name string, w *filler) error {
		var err error
		if inline {
			w.whole(body)
		} else {
			err = r.download(ctx, t, w, w.at)
		}
		if err != nil {
			return err
		}
		return r.finishStaged(t, name, w)
	})
}

// download asks the capitol for everything from a place on.
func (r *round) download(ctx context.Context, t *task, w *filler, from int64) error {
	if r.fetch == nil {
		return errMovedOn
	}
	err := r.fetch.Fetch(ctx, *t.node, from, t.node.Body.Size-from, w)
	switch {
	case err == nil:
		return nil
	case hasMoved(err):
		return errMovedOn
	case errors.Is(err, errTooLong):
		return errDigest
	}
	return err
}

// finishStaged checks, dresses and flushes a staged file.
func (r *round) finishStaged(t *task, name string, w *filler) error {
	if err := w.finish(t.node.Body); err != nil {
		return err
	}
	st, err := w.file.Stat()
	if err != nil {
		return err
	}
	if t.seen.Lacks, err = dress(w.file, t.node, st); err != nil {
		return err
	}
	if err := r.flush.file(w.file); err != nil {
		return err
	}
	t.seen.HashState = w.hashState()
	t.staged, t.made = name, objectOf(st)
	return nil
}

// Partly fetched contents are kept for the next try when a connection breaks:
// from this size, so many at most.
const (
	minPartial  = 1 << 20
	maxPartials = 8
)

// partials are contents in staging that a broken connection left unfinished,
// by digest. They end with the process.
type partials struct {
	staging *beneath.Dir
	mu      sync.Mutex
	kept    map[journal.Digest]partial
}

type partial struct {
	name string
	at   int64
	hash []byte
}

func newPartials(staging *beneath.Dir) *partials {
	return &partials{staging: staging, kept: make(map[journal.Digest]partial)}
}

// with opens a file in staging, new or partly there, and lets fill complete it.
// If fill fails, the file goes, unless it is worth keeping.
func (p *partials) with(want journal.Content, anew bool, fill func(name string, w *filler) error) error {
	name, w, err := p.open(want, anew)
	if err != nil {
		return err
	}
	err = fill(name, w)
	if err != nil && !pathOnly(err) && whole(err) == err && p.keep(want.Digest, name, w) {
		return errors.Join(err, w.file.Close())
	}
	if closed := w.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		p.staging.Unlink(name)
	}
	return err
}

func (p *partials) open(want journal.Content, anew bool) (string, *filler, error) {
	if !anew {
		if name, w := p.take(want); w != nil {
			return name, w, nil
		}
	}
	name := tempName()
	f, err := p.staging.Create(name, 0o600)
	if err != nil {
		return "", nil, err
	}
	return name, newFiller(f, want.Size), nil
}

func (p *partials) take(want journal.Content) (string, *filler) {
	p.mu.Lock()
	k, ok := p.kept[want.Digest]
	delete(p.kept, want.Digest)
	p.mu.Unlock()
	if !ok {
		return "", nil
	}
	f, err := p.staging.Write(k.name)
	if err != nil {
		return "", nil
	}
	h, err := resumeHash(k.hash)
	if err != nil {
		f.Close()
		return "", nil
	}
	return k.name, &filler{file: f, hash: h, at: k.at, limit: want.Size}
}

func (p *partials) keep(d journal.Digest, name string, w *filler) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.at+int64(len(w.buf)) < minPartial || len(p.kept) >= maxPartials || w.flush() != nil {
		return false
	}
	state, err := w.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return false
	}
	p.kept[d] = partial{name, w.at, state}
	return true
}
