package applier

import (
	"context"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// reuse copies the bytes from a file that has them: the first of this set with the
// same digest, or any file of ours whose row says so and that nobody touched.
func (r *round) reuse(ctx context.Context, t *task) (bool, error) {
	if t.lead != nil && t.lead.state != failed {
		if s, ok, err := r.source(t.lead); err != nil || ok {
			return r.copyFrom(ctx, t, s, err)
		}
	}
	rows, err := r.journal.ByDigest(r.ctx, t.node.Body.Digest)
	if err != nil {
		return false, err
	}
	for _, s := range rows {
		at, ok, err := r.places.of(s.Node.ID)
		if err != nil {
			return false, err
		}
		if st, here, err := r.look(at); err != nil || !ok || !here || !untouched(st, &s.Seen) {
			if err != nil {
				return false, err
			}
			continue
		}
		if done, err := r.copyFrom(ctx, t, at, nil); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// inStaging is the parent of a spot in the folder staging/.
const inStaging journal.NodeID = -1 << 62

// source is where a task's finished bytes are now.
func (r *round) source(t *task) (spot, bool, error) {
	if t.staged != "" {
		return spot{inStaging, t.staged}, true, nil
	}
	return r.places.of(t.id())
}

// spotDir opens the directory of a spot, staging included.
func (r *round) spotDir(s spot) (*beneath.Dir, func(), error) {
	if s.parent == inStaging {
		return r.folders.staging, func() {}, nil
	}
	return r.places.dir(s.parent)
}

// copyFrom copies a file into staging, sharing its blocks where the file system
// can, and checks the digest. Not done means that another source is needed.
func (r *round) copyFrom(ctx context.Context, t *task, from spot, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	dir, release, err := r.spotDir(from)
	if err != nil {
		return false, err
	}
	defer release()
	src, err := dir.Read(from.name)
	if err != nil {
		return false, nil
	}
	defer src.Close()
	err = r.stageBytes(t, true, func(w *filler) error { return r.copyBytes(ctx, w, src, t.node.Body.Size) })
	if err != nil && pathOnly(err) {
		return false, nil
	}
	return err == nil, err
}

func (r *round) copyBytes(ctx context.Context, w *filler, src *beneath.File, size int64) error {
	if w.file.Clone(src) != nil {
		return copyTo(ctx, w, src, 0, size)
	}
	w.at = size
	return copyTo(ctx, w.hash, w.file, 0, size)
}
