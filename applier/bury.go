package applier

import "github.com/hydrasync/hydrasync/journal"

// bury makes everything go whose directory goes in the same set. A set that
// was collected from several parts may hold a node as it was before its directory,
// or one further up, was removed: its place is then no place. Had it been moved out
// before that, the set would have it there.
func (r *round) bury() {
	if len(r.ended) == 0 {
		return
	}
	live := r.tasks[:0]
	for _, t := range r.tasks {
		if !t.gone && t.node.ID != journal.Root && r.underground(t.node.Parent) {
			if r.buryOne(t); !t.known {
				delete(r.byID, t.node.ID)
				continue
			}
		}
		live = append(live, t)
	}
	r.tasks = live
}

func (r *round) buryOne(t *task) {
	t.within = t.known && r.underground(t.old.Node.Parent)
	t.gone, t.state, t.stays = true, todo, false
	r.ended[t.node.ID] = true
	t.entry.Change = journal.Change{Gone: true, Node: journal.Node{ID: t.node.ID}}
	t.node = &t.entry.Change.Node
	if !t.known {
		r.troubles.solved(t.node.ID)
	}
}

// underground climbs from a directory as the set wants it, or as its row says,
// until one ends in this set.
func (r *round) underground(id journal.NodeID) bool {
	for hops := 0; hops < maxDepth && id != journal.Root && id != journal.Parked; hops++ {
		if r.ended[id] {
			return true
		}
		if t := r.byID[id]; t != nil && !t.gone {
			id = t.node.Parent
			continue
		}
		at, ok, err := r.places.of(id)
		if err != nil || !ok {
			return false
		}
		id = at.parent
	}
	return false
}
