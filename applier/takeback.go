package applier

import (
	"fmt"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// A path that fails after its first rename must not stay half done: its row would speak
// of another object than is there, which from then on is taken for a stranger's. It is undone;
// where the disk refuses that, too, the set ends, and recover looks for everything.

// changeBack lets a task's node and what it changed places with have their places again.
func (r *round) changeBack(t *task, from, want spot, other journal.NodeID, why error) error {
	if why == nil || !pathOnly(why) {
		return why
	}
	if err := r.rename(from, want, beneath.Exchange); err != nil {
		return halfDone(why, err)
	}
	r.places.put(other, want)
	if from.parent == inStaging {
		t.staged = from.name
	} else {
		r.places.put(t.id(), from)
	}
	return why
}

// takeBack takes a new version out of its place again: the old one stays where it is.
func (r *round) takeBack(t *task, staged, want, here spot, why error) error {
	if !pathOnly(why) {
		return why
	}
	if err := r.rename(want, staged, beneath.NoReplace); err != nil {
		return halfDone(why, err)
	}
	t.staged = staged.name
	r.places.put(t.id(), here)
	return why
}

// halfDone is no error of a path alone, whatever the two are.
func halfDone(why, err error) error { return fmt.Errorf("%v, and when it was undone: %v", why, err) }
