package applier

import (
	"context"
	"encoding"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// stageContent makes the node's bytes in staging: from what came along, from a
// file that has them already, or from the capitol, which may take longer than the
// set waits.
func (r *round) stageContent(ctx context.Context, t *task) error {
	if s := r.set.ready[t.node.ID]; s != nil {
		s.used = true
		t.staged, t.nameless, t.made, t.seen.Lacks, t.seen.HashState = s.name, s.nameless, s.made, s.lacks, s.hash
		if t.nameless != nil && t.known {
			return r.nameStaged(t)
		}
		return nil
	}
	body, inline := r.set.Bodies[t.node.ID]
	if inline && int64(len(body)) == t.node.Body.Size || t.node.Body.Size == 0 {
		return r.stageBytes(t, true, func(w *filler) error { w.whole(body); return nil })
	}
	if done, err := r.reuse(ctx, t); done || err != nil {
		return err
	}
	if r.fetch == nil {
		return errMovedOn
	}
	if t.haul = r.hauls.beginning(t.node); t.haul == nil || t.was != 0 {
		t.haul = r.hauls.start(r.fetch, t.node, r.ancestor(t))
	}
	return nil
}

// stageBytes makes a file in staging of what fill brings.
func (r *round) stageBytes(t *task, anew bool, fill func(w *filler) error) error {
	return r.partials.with(t.node.Body, anew, func(name string, w *filler) error {
		if err := fill(w); err != nil {
			return err
		}
		s, err := finishStaged(t.node, name, w)
		if err != nil {
			return err
		}
		t.staged, t.made, t.seen.Lacks, t.seen.HashState = name, s.made, s.lacks, s.hash
		return nil
	})
}

// finishStaged checks and dresses a staged file.
func finishStaged(n *journal.Node, name string, w *filler) (*ready, error) {
	if err := w.finish(n.Body); err != nil {
		return nil, err
	}
	st, err := w.file.Stat()
	if err != nil {
		return nil, err
	}
	lacks, err := dressNew(w.file, n, st)
	return &ready{name: name, made: objectOf(st), lacks: lacks, hash: w.hashState()}, err
}

// Partly fetched contents are kept for the next try when a connection breaks:
// from this size, so many at most.
const (
	minPartial  = 1 << 20
	maxPartials = 8
)

// partials are contents in staging that a broken connection left unfinished,
// by digest. They end when all is in step, or with the process.
type partials struct {
	staging *beneath.Dir
	litter  *litter
	blocks  chunk.Blocks
	mu      sync.Mutex
	kept    map[journal.Digest]partial
}

type partial struct {
	name string
	at   int64
	hash []byte
	of   journal.Content
}

func newPartials(l *litter) *partials {
	return &partials{staging: l.staging, litter: l, kept: make(map[journal.Digest]partial)}
}

// with opens a file in staging, new or partly there, and lets fill complete it.
// If fill fails, the file goes, unless it is worth keeping.
func (p *partials) with(want journal.Content, anew bool, fill func(name string, w *filler) error) error {
	name, w, err := p.open(want, anew)
	if err != nil {
		return err
	}
	err = fill(name, w)
	defer w.end()
	if err != nil && !pathOnly(err) && whole(err) == err && p.keep(want, name, w) {
		return errors.Join(err, w.file.Close())
	}
	if closed := w.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		p.litter.drop(name)
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
	return name, newFiller(f, want.Size, &p.blocks), nil
}

func (p *partials) take(want journal.Content) (string, *filler) {
	k, ok := p.find(want)
	if !ok {
		return "", nil
	}
	f, err := p.staging.Write(k.name)
	if err != nil {
		p.litter.drop(k.name)
		return "", nil
	}
	h, err := resumeHash(k.hash)
	if err != nil {
		f.Close()
		p.litter.drop(k.name)
		return "", nil
	}
	w := newFiller(f, want.Size, &p.blocks)
	w.take(h, k.at)
	return k.name, w
}

// find takes out what is kept of a content, or of one that has grown to it since.
func (p *partials) find(want journal.Content) (k partial, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok = p.kept[want.Digest]; !ok {
		for _, k = range p.kept {
			if ok = begins(k.of, want); ok {
				break
			}
		}
	}
	if ok {
		delete(p.kept, k.of.Digest)
	}
	return k, ok
}

func (p *partials) keep(of journal.Content, name string, w *filler) bool {
	if w.at+int64(len(w.buf)) < minPartial || w.settle() != nil {
		return false
	}
	state, err := w.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return false
	}
	return p.add(partial{name, w.at, state, of})
}

// add keeps one more, unless there are too many.
func (p *partials) add(k partial) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) >= maxPartials || len(k.hash) == 0 {
		return false
	}
	p.kept[k.of.Digest] = k
	return true
}

// tidy removes what nobody came back for: the content has moved on since.
func (p *partials) tidy() {
	p.mu.Lock()
	left := slices.Collect(maps.Values(p.kept))
	clear(p.kept)
	p.mu.Unlock()
	for _, k := range left {
		p.litter.drop(k.name)
	}
}
