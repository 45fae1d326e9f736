package applier

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

// stagers work on the disk, where creating names in one directory happens one
// after the other anyway: two keep writing and hashing apart.
const stagers = 2

// stage makes ready everything that the tasks need, beside the tree: contents,
// new directories and links in staging, owner and mode of what stays, bytes
// at the end of what grew.
func (r *round) stage() error {
	if err := r.part(); err != nil {
		return err
	}
	first, after := r.split()
	r.flush.choose(len(first) + len(after))
	if err := r.stageAll(first); err != nil {
		return err
	}
	deadline := time.Now().Add(r.cfg.Patience)
	if err := r.await(first, deadline); err != nil {
		return err
	}
	for _, t := range after {
		if err := r.stageTask(r.ctx, t); err != nil {
			return err
		}
	}
	return r.await(after, deadline)
}

// stageAll works through tasks with a few workers.
func (r *round) stageAll(tasks []*task) error {
	if len(tasks) == 1 {
		return r.stageTask(r.ctx, tasks[0])
	}
	g, ctx := errgroup.WithContext(r.ctx)
	var next atomic.Int64
	for range min(stagers, len(tasks)) {
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
	return g.Wait()
}

// split sorts the tasks: after waits for another's result: equal content is fetched
// once, and the names of a hard-link group follow its first.
func (r *round) split() (first, after []*task) {
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
		case key == nil || leads[key] == t:
			first = append(first, t)
		default:
			t.lead = leads[key]
			after = append(after, t)
		}
	}
	return first, after
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
	return t.failOr(r.stageKind(ctx, t))
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
