package stream

import (
	"github.com/hydrasync/hydrasync/journal"
)

// join makes one batch of batches in a row: every node once, in its newest
// state, parents before their children.
func join(group []Batch) Batch {
	if len(group) == 1 {
		return group[0]
	}
	j := joining{at: make(map[journal.NodeID]int)}
	var out Batch
	for _, b := range group {
		for i := range b.Entries {
			j.add(b.Entries[i], b.Bodies)
		}
		if !b.Position.IsZero() {
			out.Position = b.Position
		}
		out.Full, out.FullDone = b.Full, b.FullDone
	}
	out.Entries, out.Bodies = j.entries, j.bodies
	if j.again {
		out.Entries = parentsFirst(j.entries)
	}
	return out
}

type joining struct {
	entries []journal.Entry
	bodies  map[journal.NodeID]Inline
	at      map[journal.NodeID]int // where a node stands in entries
	again   bool                   // a node came twice
}

func (j *joining) add(e journal.Entry, bodies map[journal.NodeID]Inline) {
	id := e.Change.Node.ID
	if e.Note != nil {
		j.entries = append(j.entries, e)
		return
	}
	in, has := bodies[id]
	if i, twice := j.at[id]; twice {
		j.again = true
		in, has = merged(&j.entries[i].Change, j.bodies, &e.Change, in, has)
		j.entries[i] = e
	} else {
		j.at[id] = len(j.entries)
		j.entries = append(j.entries, e)
	}
	if j.bodies == nil {
		j.bodies = make(map[journal.NodeID]Inline)
	}
	if delete(j.bodies, id); has {
		j.bodies[id] = in
	}
}

// merged is the content that goes with the newer of two states: its own, with
// what came before joined to it where it continues that; or the older one's,
// if the content is still the same.
func merged(old *journal.Change, bodies map[journal.NodeID]Inline, now *journal.Change, in Inline, has bool) (Inline, bool) {
	before, had := bodies[old.Node.ID]
	switch {
	case now.Gone || old.Gone || !had:
		return in, has
	case !has:
		return before, old.Node.Body == now.Node.Body
	case old.Node.Body.Generation == now.Node.Body.Generation && before.Offset <= in.Offset && in.Offset == before.Offset+int64(len(before.Bytes)):
		joined := make([]byte, 0, len(before.Bytes)+len(in.Bytes))
		return Inline{before.Offset, append(append(joined, before.Bytes...), in.Bytes...)}, true
	}
	return in, true
}

// parentsFirst orders a set so that each directory stands before what is in it.
func parentsFirst(entries []journal.Entry) []journal.Entry {
	at := make(map[journal.NodeID]int, len(entries))
	for i := range entries {
		if c := &entries[i].Change; entries[i].Note == nil && !c.Gone {
			at[c.Node.ID] = i
		}
	}
	out := make([]journal.Entry, 0, len(entries))
	placed := make([]bool, len(entries))
	var chain []int
	for i := range entries {
		// Climb to the first parent that is placed or not in the set; a circle
		// (no honest capitol sends one) ends where it meets itself.
		for k, ok := i, true; ok && !placed[k]; {
			placed[k] = true
			chain = append(chain, k)
			if c := &entries[k].Change; entries[k].Note != nil || c.Gone {
				break
			}
			k, ok = at[entries[k].Change.Node.Parent]
		}
		for ; len(chain) > 0; chain = chain[:len(chain)-1] {
			out = append(out, entries[chain[len(chain)-1]])
		}
	}
	return out
}
