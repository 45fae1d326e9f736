package applier

import (
	"maps"
	"slices"

	"github.com/hydrasync/hydrasync/journal"
)

// named is a set of node ids in pages of bits. Ids are dense, so a million cost
// about 130 KB; a hostile peer pays an entry for every page.
type named struct {
	pages map[int64]*[pageBits / 64]uint64
}

const pageBits = 4096

func (n *named) add(id journal.NodeID) {
	if n.pages == nil {
		n.pages = make(map[int64]*[pageBits / 64]uint64)
	}
	page := n.pages[int64(id)/pageBits]
	if page == nil {
		page = new([pageBits / 64]uint64)
		n.pages[int64(id)/pageBits] = page
	}
	bit := int64(id) % pageBits
	page[bit/64] |= 1 << (bit % 64)
}

func (n *named) has(id journal.NodeID) bool {
	page := n.pages[int64(id)/pageBits]
	bit := int64(id) % pageBits
	return id > 0 && page != nil && page[bit/64]&(1<<(bit%64)) != 0
}

// scanPiece is how many rows are read at once.
const scanPiece = 1000

// planUnnamed makes everything go that a full comparison did not name: of a
// removed tree only its top, the rest goes with it.
func (r *round) planUnnamed() error {
	taken := make(map[journal.NodeID]bool)
	for _, t := range r.tasks {
		taken[t.was] = true
	}
	unnamed := make(map[journal.NodeID]journal.Stored)
	for after := journal.NodeID(-1 << 62); ; {
		rows, err := r.journal.ScanFrom(r.ctx, after, scanPiece)
		if err != nil {
			return err
		}
		for _, s := range rows {
			after = s.Node.ID
			if !r.named.has(s.Node.ID) && !taken[s.Node.ID] && r.byID[s.Node.ID] == nil && !isRoot(&s.Node) {
				unnamed[s.Node.ID] = s
			}
		}
		if len(rows) < scanPiece {
			break
		}
	}
	for _, id := range slices.Sorted(maps.Keys(unnamed)) {
		s := unnamed[id]
		if _, beneath := unnamed[s.Node.Parent]; !beneath {
			r.planGone(s)
		}
	}
	return nil
}

// isRoot knows the root under any id: after a renumbering it has another.
func isRoot(n *journal.Node) bool { return n.Parent == journal.Parked && n.Name == "" }

func (r *round) planGone(s journal.Stored) {
	t := &task{gone: true, old: s, known: true}
	t.entry = journal.Entry{Seq: max(s.Seq, r.set.Position.Seq), Time: now(), Change: journal.Change{Gone: true, Node: journal.Node{ID: s.Node.ID}}}
	t.node = &t.entry.Change.Node
	r.places.learn(s)
	r.add(t)
}
