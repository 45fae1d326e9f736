package applier

import (
	"context"
	"hash"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// grow appends in place what a file lacks, if its generation stayed and the old
// bytes are there. A tail that fits into one piece is checked before it is
// written. If we crash before the journal is written, the row still has the old
// size: the next try reads what is there, finds the old bytes whole, and goes on behind
// what came after them, so that who follows the file never sees it shrink. So it is when
// the connection breaks.
func (r *round) grow(ctx context.Context, t *task) (bool, error) {
	o, n := t.old.Node.Body, t.node.Body
	if !t.known || t.was != 0 || t.old.Node.Kind != journal.File || o.Generation != n.Generation || o.Size == 0 || o.Size >= n.Size {
		return false, nil
	}
	at, _, err := r.places.of(t.id())
	if err != nil {
		return false, err
	}
	dir, release, err := r.places.dir(at.parent)
	if err != nil {
		return false, err
	}
	defer release()
	f, err := openToGrow(dir, at.name)
	if err != nil {
		return false, nil // replaced as a whole, then
	}
	defer f.Close()
	h, err := r.prefix(ctx, t, f)
	if err != nil || h == nil {
		return false, err
	}
	w := newFiller(f, n.Size, &r.partials.blocks)
	w.take(h.hash, h.at)
	defer w.end()
	if err := r.appendTail(ctx, t, w); err != nil {
		if pathOnly(err) { // else the same bytes come again, after those that are here
			f.Truncate(o.Size)
		}
		if err == errDigest {
			return false, nil // not our bytes plus a tail: all of it, then
		}
		return false, err
	}
	t.grown = true
	r.hauls.lists.Grew(o.Digest, n.Digest)
	t.seen.HashState = w.hashState()
	st, err := f.Stat()
	if err == nil {
		t.seen.Lacks, err = dress(f, t.node, st)
	}
	if err != nil {
		return true, err
	}
	return true, r.flush.file(f)
}

func openToGrow(dir *beneath.Dir, name string) (*beneath.File, error) {
	f, err := dir.Write(name)
	if beneath.IsErrno(err, unix.EACCES) {
		if err := dir.Chmod(name, 0o600); err != nil {
			return nil, err
		}
		return dir.Write(name)
	}
	return f, err
}

// begun is the hash over the first bytes of a file.
type begun struct {
	hash hash.Hash
	at   int64
}

// prefix gives the hash over the old bytes and a tail that was not recorded, or nil
// if they are not there. Whose tail it is shows when the digest over all is compared.
func (r *round) prefix(ctx context.Context, t *task, f *beneath.File) (*begun, error) {
	o := t.old.Node.Body
	st, err := f.Stat()
	if err != nil || st.Ino != t.old.Seen.Ino || st.Size < o.Size {
		return nil, err
	}
	if untouched(st, &t.old.Seen) && len(t.old.Seen.HashState) > 0 {
		h, err := resumeHash(t.old.Seen.HashState)
		return &begun{h, o.Size}, err
	}
	digest, h, err := digestOf(ctx, f, o.Size)
	if err != nil || digest != o.Digest {
		return nil, err
	}
	if st.Size > t.node.Body.Size {
		return &begun{h, o.Size}, f.Truncate(o.Size)
	}
	return &begun{h, st.Size}, copyTo(ctx, h, f, o.Size, st.Size-o.Size)
}

// appendTail writes the bytes after the old size, from what came along if that
// reaches back far enough.
func (r *round) appendTail(ctx context.Context, t *task, w *filler) error {
	body := r.set.Bodies[t.node.ID]
	missing := int(min(w.limit-w.at, int64(len(body))+1))
	if missing <= len(body) {
		w.whole(body[len(body)-missing:])
	} else if err := download(ctx, r.fetch, t.node, w); err != nil {
		return err
	}
	return w.finish(t.node.Body)
}
