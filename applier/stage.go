package applier

import (
	"context"
	"crypto/rand"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

const (
	// stagers work on the disk, where creating names in one directory happens one
	// after the other anyway: two keep writing and hashing apart.
	stagers = 2
	// fetchers wait for the network, so that a large file holds up no other.
	fetchers = 16
)

// stage makes ready everything that the tasks need, beside the tree: contents,
// new directories and links in staging, owner and mode of what stays, bytes
// at the end of what grew. Then it flushes the files.
func (r *round) stage() error {
	if err := r.part(); err != nil {
		return err
	}
	near, far, after := r.split()
	r.flush.choose(len(near) + len(far) + len(after))
	if err := r.stageAll(near, far); err != nil {
		return err
	}
	for _, t := range after {
		if err := r.stageTask(r.ctx, t); err != nil {
			return err
		}
	}
	return r.flush.files(r.folders.root.Top())
}

func (r *round) stageAll(near, far []*task) error {
	if len(near)+len(far) == 1 {
		return r.stageTask(r.ctx, append(near, far...)[0])
	}
	g, ctx := errgroup.WithContext(r.ctx)
	r.lane(g, ctx, near, stagers)
	r.lane(g, ctx, far, fetchers)
	return g.Wait()
}

// lane works through tasks with so many workers.
func (r *round) lane(g *errgroup.Group, ctx context.Context, tasks []*task, workers int) {
	var next atomic.Int64
	for range min(workers, len(tasks)) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tasks) || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := r.stageTask(ctx, tasks[i]); err != nil {
					return err
				}
			}
		})
	}
}

// split sorts the tasks: near needs the disk only, far may need the network,
// and after waits for another's result: equal content is fetched once, and the names of
// a hard-link group follow its first.
func (r *round) split() (near, far, after []*task) {
	leads := make(map[any]*task)
	for _, t := range r.tasks {
		if key := r.sharing(t); key != nil && (leads[key] == nil || t.keeps() && !leads[key].keeps()) {
			leads[key] = t
		}
	}
	for _, t := range r.tasks {
		key := r.sharing(t)
		switch {
		case t.gone || t.state != todo:
		case key == nil:
			near = append(near, t)
		case leads[key] == t:
			far = append(far, t)
		default:
			t.lead = leads[key]
			after = append(after, t)
		}
	}
	return near, far, after
}

// sharing is what a task has in common with others that want the same bytes;
// nil if its bytes are here.
func (r *round) sharing(t *task) any {
	switch _, inline := r.set.Bodies[t.node.ID]; {
	case t.gone || t.state != todo || t.node.Kind == journal.Dir:
		return nil
	case t.node.Link != 0:
		return t.node.Link
	case t.node.Kind == journal.Symlink:
		return nil
	case inline || t.keeps() || t.node.Body.Size == 0:
		return nil
	}
	return t.node.Body.Digest
}

// stageTask makes one task ready. An error that concerns only its path is kept
// in the task.
func (r *round) stageTask(ctx context.Context, t *task) error {
	if err := r.stageKind(ctx, t); err != nil {
		return t.fail(err)
	}
	return nil
}

func (r *round) stageKind(ctx context.Context, t *task) error {
	switch {
	case t.node.ID == journal.Root:
		return r.dressRoot(t)
	case t.node.Kind == journal.File:
		return r.stageFile(ctx, t)
	case t.node.Kind == journal.Symlink:
		return r.stageSymlink(ctx, t)
	case t.known && t.old.Node.Kind == t.node.Kind:
		return r.dressOld(t)
	}
	return r.stageDir(t)
}

// stageSymlink keeps a link that leads where it should.
func (r *round) stageSymlink(ctx context.Context, t *task) error {
	if done, err := r.stageHardLink(ctx, t); done || err != nil {
		return err
	}
	if t.keeps() {
		return r.dressOld(t)
	}
	return r.stageLink(t)
}

// stageFile finds the cheapest way to the content.
func (r *round) stageFile(ctx context.Context, t *task) error {
	if done, err := r.stageHardLink(ctx, t); done || err != nil {
		return err
	}
	if t.keeps() {
		whole, err := r.wholeOld(t)
		if err != nil {
			return err
		}
		if whole {
			return r.dressOld(t)
		}
	} else if done, err := r.grow(ctx, t); done || err != nil {
		return err
	}
	return r.stageContent(ctx, t)
}

// wholeOld says whether the file on the disk still has the bytes of its row,
// reading them only if its times say that somebody was there.
func (r *round) wholeOld(t *task) (bool, error) {
	at, _, err := r.places.of(t.id())
	if err != nil {
		return false, err
	}
	st, ok, err := r.look(at)
	if err != nil || !ok {
		return false, err
	}
	if untouched(st, &t.old.Seen) {
		t.seen.HashState = t.old.Seen.HashState
		return true, nil
	}
	return r.sameContent(&journal.Node{Kind: journal.File, Body: t.node.Body, Link: journal.Root}, at, st)
}

// tempName is a name in staging that nobody guesses.
func tempName() string { return rand.Text() }
