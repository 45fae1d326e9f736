package applier

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// await takes the contents that the capitol was asked for as they come. What
// is not here at the deadline is left behind.
func (r *round) await(tasks []*task, deadline time.Time) error {
	over, end := context.WithDeadline(context.Background(), deadline)
	defer end()
	for _, t := range tasks {
		for t.haul != nil && t.state == todo && t.staged == "" {
			came, err := r.waitFor(t, over.Done())
			if err != nil {
				return err
			}
			if !came {
				r.leave(t)
				continue
			}
			if err := t.failOr(r.unload(t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// waitFor says whether a task's content has come in time; there is none while
// another set waits for its turn. A node that takes over another's file has all
// the time: the other would not outlast a comparison.
func (r *round) waitFor(t *task, over <-chan struct{}) (bool, error) {
	if t.begins() {
		return false, nil
	}
	mayLeave := t.was == 0 && r.hauls.mayLeave(len(r.behind))
	if !mayLeave {
		over = nil
	}
	for {
		select {
		case <-t.haul.done:
			return true, nil
		default:
		}
		if mayLeave && r.line.waits() {
			return false, nil
		}
		select {
		case <-t.haul.done:
			return true, nil
		case <-over:
			return false, nil
		case <-r.line.grew:
		case <-r.ctx.Done():
			return false, r.ctx.Err()
		}
	}
}

// begins says that what comes is only the beginning of what the task wants.
func (t *task) begins() bool { return t.haul.node.Body.Digest != t.node.Body.Digest }

// leave goes on without a task.
func (r *round) leave(t *task) {
	t.state, t.err = failed, errOnItsWay
	r.behind = append(r.behind, t)
}

// keepHolders keeps what is to go where it is as long as the node that takes its name
// is not here: a name that leads somewhere at every moment at the capitol does so
// here. Not where the directory goes, too: nobody comes to that place any more.
func (r *round) keepHolders() error {
	if !slices.ContainsFunc(r.tasks, func(t *task) bool { return t.gone && t.state == todo }) {
		return nil
	}
	for _, n := range r.missing() {
		if r.underground(n.Parent) {
			continue
		}
		at := spot{n.Parent, n.Name}
		id, err := r.places.holder(at)
		if err != nil {
			return err
		}
		if h := r.byID[id]; h != nil && h.gone && h.state == todo && !r.comes(at) {
			r.leave(h)
		}
	}
	return nil
}

// missing are the nodes that this set, or one before it, could not make because of
// their contents.
func (r *round) missing() (nodes []journal.Node) {
	told := make(map[journal.NodeID]bool, len(r.set.Entries))
	for i := range r.set.Entries {
		told[r.set.Entries[i].Change.Node.ID] = true
	}
	nodes = r.troubles.wanted(r.hauls.wanted(nil))
	nodes = slices.DeleteFunc(nodes, func(n journal.Node) bool { return told[n.ID] }) // it has another state now
	for _, t := range r.tasks {
		if errors.Is(t.err, errOnItsWay) || errors.Is(t.err, errMovedOn) {
			nodes = append(nodes, *t.node)
		}
	}
	return nodes
}

// comes says whether a place is taken by this set.
func (r *round) comes(at spot) bool {
	return slices.ContainsFunc(r.tasks, func(t *task) bool {
		return !t.gone && t.state != failed && t.node.Parent == at.parent && t.node.Name == at.name
	})
}

// copyOf makes a task's content from that of another one, which took what both
// waited for.
func (r *round) copyOf(t, taker *task) error {
	if r.byID[taker.node.ID] == taker {
		t.lead = taker
	}
	if done, err := r.reuse(r.ctx, t); done || err != nil {
		return err
	}
	r.hauls.leave(t.haul, t.node.Body.Digest)
	t.haul = r.hauls.start(r.fetch, t.node, r.ancestor(t))
	return nil
}

// unload takes what a haul has brought, and dresses it.
func (r *round) unload(t *task) error {
	switch taker, err := r.hauls.take(t.haul, t); {
	case err != nil && (t.haul.node.ID != t.node.ID || err == errDropped):
		t.haul = r.hauls.start(r.fetch, t.node, r.ancestor(t)) // the other's bytes have moved on, say
		return nil
	case err != nil:
		return err
	case taker != t:
		return r.copyOf(t, taker)
	}
	t.staged = t.haul.name
	f, err := r.folders.staging.Read(t.staged)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if t.seen.Lacks, err = dress(f, t.node, st); err != nil {
		return err
	}
	t.made, t.seen.HashState = objectOf(st), t.haul.hash
	return nil
}
