package applier

import (
	"context"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// ancestor is a file of the city that probably has most of an edited content's bytes. It
// is held open, so that its bytes stay whatever happens to its name.
type ancestor struct {
	file *beneath.File
	node journal.Node // by its row
	seen journal.Seen // likewise
	size int64        // of the file
	same bool         // nobody was at it since its row was written
}

func (a *ancestor) close() {
	if a != nil {
		a.file.Close()
	}
}

// ancestor finds what a task's content may have come from: what the node, or the
// one whose file it takes over, has on the disk, or else what has the name that it wants.
// Nil if there is nothing, or too little to be worth a comparison.
func (r *round) ancestor(t *task) *ancestor {
	if t.node.Body.Size < chunk.MinSize || r.hauls.lists == nil {
		return nil
	}
	if t.known && t.old.Node.Kind == journal.File {
		if a := r.openAncestor(t.id(), &t.old); a != nil {
			return a
		}
	}
	id, err := r.places.holder(spot{t.node.Parent, t.node.Name})
	if err != nil || id == 0 || id == t.id() {
		return nil
	}
	s, ok, err := row(r.ctx, r.journal, id)
	if err != nil || !ok {
		return nil
	}
	return r.openAncestor(id, &s)
}

// openAncestor opens a node's file. Whatever hinders it is no error: the content is
// fetched as a whole then.
func (r *round) openAncestor(id journal.NodeID, s *journal.Stored) *ancestor {
	if s.Node.Kind != journal.File || s.Node.Body.Size < chunk.MinSize {
		return nil
	}
	at, ok, err := r.places.of(id)
	if err != nil || !ok {
		return nil
	}
	dir, release, err := r.spotDir(at)
	if err != nil {
		return nil
	}
	defer release()
	f, err := dir.Read(at.name)
	if err != nil {
		return nil
	}
	st, err := f.Stat()
	if err != nil || st.Size < chunk.MinSize {
		f.Close()
		return nil
	}
	return &ancestor{file: f, node: s.Node, seen: s.Seen, size: st.Size, same: untouched(st, &s.Seen)}
}

// mayDescend says whether a content that came with a new node may have an ancestor
// all the same, which only a round can find.
func (a *Applier) mayDescend(ctx context.Context, s *Set, n *journal.Node) bool {
	if n.Body.Size < chunk.MinSize || a.hauls.lists == nil {
		return false
	}
	if s.Full { // under the ids of another epoch, perhaps
		st, err := a.journal.Stats(ctx)
		return err == nil && st.Nodes > 1
	}
	_, err := a.journal.Lookup(ctx, n.Parent, n.Name)
	return err == nil
}
