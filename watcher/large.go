package watcher

import (
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"io"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// large is one reading of a file that is worth a chunk list. The list is made in
// the same pass as the digest, which another core works on.
//
//	bytes   ├─────────── as before ──────────┤── different ──┤── as before ──┤
//	look    ├ fast hash, all cores ──────────┤
//	digest                            ├──────┴───────────────┴───────────────┤  from a mark on
//	list                              ·      ├─ by byte ─────┼─ predicted ───┤
//
// Where the list of the version before tells that the file begins with the same
// chunks, its digest goes on from a mark that was left on the way then. Like the
// old part of an append this believes a hash that is no proof, so such a file is
// read as a whole some time later, see [suspects].
type large struct {
	r    *reader
	fd   int
	c    *content
	from int64 // the cutter's next byte
	hash hash.Hash
	at   int64 // bytes that the hash has seen
	cut  *chunk.Cutter
	mark *chunk.Marker
}

// worthList says whether a content is to be listed.
func (r *reader) worthList(size int64) bool {
	return r.lists != nil && size >= chunk.MinSize && size <= chunk.MaxSize
}

// digest reads what has to be read, and keeps the list of a large file.
func (r *reader) digest(ctx context.Context, fd int, c *content, job *reading, appended bool) error {
	if appended || !r.worthList(c.size) {
		err := r.hash(ctx, fd, c, job, appended)
		if err == nil && c.grown && r.worthList(c.size) {
			r.lists.Grew(c.base, c.digest)
		}
		return err
	}
	if job.most > 0 && c.size > job.most {
		return errLong
	}
	h, list, err := r.hashLarge(ctx, fd, c, job)
	if err != nil {
		return err
	}
	c.digest = journal.Digest(h.Sum(nil))
	if c.state, err = h.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return err
	}
	if c.tail, err = tailOf(fd, c.size); err != nil {
		return err
	}
	_ = r.lists.Put(c.digest, list) // what cannot be kept is made when somebody asks
	return nil
}

// hashLarge gives the digest's hash, and what is to be kept with it.
func (r *reader) hashLarge(ctx context.Context, fd int, c *content, job *reading) (hash.Hash, chunk.Record, error) {
	l := &large{r: r, fd: fd, c: c, hash: sha256.New()}
	if err := l.begin(ctx, job); err != nil {
		return nil, chunk.Record{}, err
	}
	side := chunk.NewBeside(l.mark, &r.blocks)
	defer side.Close()
	if mark := oldSize(job.row); mark > l.at && mark <= c.size && !c.grown {
		if err := l.feed(ctx, side, mark); err != nil {
			return nil, chunk.Record{}, err
		}
		side.Drain()
		c.grown = journal.Digest(l.hash.Sum(nil)) == job.row.Node.Body.Digest
	}
	if err := l.feed(ctx, side, c.size); err != nil {
		return nil, chunk.Record{}, err
	}
	side.Drain()
	list, err := l.cut.List()
	if err != nil {
		return nil, chunk.Record{}, err
	}
	return l.hash, chunk.Record{List: list, Marks: l.mark.Marks()}, nil
}

// begin compares with the version before, if its list is known.
func (l *large) begin(ctx context.Context, job *reading) error {
	g := chunk.GrainOf(l.c.size)
	l.cut, l.mark = chunk.NewCutter(g), chunk.NewMarker(l.hash, 0, nil, g)
	if job.row == nil || job.row.Node.Kind != journal.File {
		return nil
	}
	old, known := l.r.lists.GetBegun(job.row.Node.Body.Digest)
	if !known || old.List.Size() > job.row.Node.Body.Size {
		return nil
	}
	n, same, err := old.List.Common(ctx, io.NewSectionReader(descriptor(l.fd), 0, l.c.size))
	if err != nil {
		return err
	}
	if old.List.Grain.For(l.c.size) == old.List.Grain {
		l.cut, l.from = chunk.Resume(old.List, n)
		l.cut.Predict(old.List, n, descriptor(l.fd))
	}
	if !job.whole {
		l.resume(&old, same, job)
	}
	return nil
}

// resume spares the digest what did not change.
func (l *large) resume(old *chunk.Record, same int64, job *reading) {
	m, ok := old.MarkAt(same)
	if state := job.row.Seen.HashState; same == job.row.Node.Body.Size && len(state) > 0 {
		m, ok = chunk.Mark{At: same, State: state}, true
	}
	if !ok || l.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(m.State) != nil {
		l.hash.Reset()
		return
	}
	l.at, l.c.partly = m.At, true
	l.c.grown = same == job.row.Node.Body.Size
	l.mark = chunk.NewMarker(l.hash, m.At, old.MarksUntil(m.At), old.List.Grain)
}

// feed reads on to end, cuts, and has the hash done beside.
func (l *large) feed(ctx context.Context, side *chunk.Beside, end int64) error {
	for at := min(l.at, l.from); at < end; {
		if err := errors.Join(ctx.Err(), l.c.still(l.fd, at)); err != nil {
			return err
		}
		block := side.Block()
		p := block[:min(int64(len(block)), end-at)]
		_, err := preadFull(l.fd, p, at)
		if err != nil {
			p = p[:0]
		}
		side.Give(block, p[min(max(l.at-at, 0), int64(len(p))):])
		if err != nil {
			return err
		}
		if _, err := l.cut.Write(p[min(max(l.from-at, 0), int64(len(p))):]); err != nil {
			return err
		}
		at += int64(len(p))
		l.at, l.from = max(l.at, at), max(l.from, at)
	}
	return nil
}

// descriptor reads an open file at any place.
type descriptor int

// ReadAt implements [io.ReaderAt]; a file that ends early has changed.
func (d descriptor) ReadAt(b []byte, at int64) (int, error) { return preadFull(int(d), b, at) }

// Chunks is the list of n's content, kept or made now; where n.Body.Size is 0, of a
// content that n had before, if it is kept. ErrMoved says that there is none.
func (w *Watcher) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	if w.cfg.Lists == nil {
		return chunk.List{}, ErrMoved
	}
	l, err := w.cfg.Lists.Demand(ctx, n.Body.Digest, n.Body.Size, func() (chunk.Opened, error) { return w.Open(ctx, n) })
	if errors.Is(err, chunk.ErrInvalid) {
		return chunk.List{}, ErrMoved
	}
	return l, err
}
