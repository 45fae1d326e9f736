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
	unnamed := make(map[journal.NodeID]journal.Stored)
	err := r.untaken(func(s journal.Stored) bool {
		if !r.named.has(s.Node.ID) {
			unnamed[s.Node.ID] = s
		}
		return true
	})
	r.planAllGone(unnamed)
	return err
}

// planStale makes go what a comparison left behind. The node that was to take it over
// could not be made then, and would not come back for it: it has been told since, and is
// elsewhere. No digest counts what is stale, so nobody else would notice.
func (r *round) planStale() error {
	wanted := make(map[spot]bool)
	for _, n := range r.hauls.wanted(r.troubles.nodes()) {
		if r.byID[n.ID] == nil {
			wanted[spot{n.Parent, n.Name}] = true
		}
	}
	stale, some := make(map[journal.NodeID]journal.Stored), slices.ContainsFunc(r.tasks, func(t *task) bool { return t.was != 0 })
	err := r.untaken(func(s journal.Stored) bool {
		if s.Node.ID > 0 {
			return false
		}
		some = true
		if !wanted[spot{s.Node.Parent, s.Node.Name}] && s.Node.Parent > 0 {
			stale[s.Node.ID] = s
		}
		return true
	})
	r.stale = some || err != nil
	r.planAllGone(stale)
	return err
}

// untaken gives the rows that no task is about, by their ids, until yield has enough.
func (r *round) untaken(yield func(journal.Stored) bool) error {
	taken := make(map[journal.NodeID]bool)
	for _, t := range r.tasks {
		taken[t.was] = true
	}
	for after := journal.NodeID(-1 << 62); ; {
		rows, err := r.journal.ScanFrom(r.ctx, after, scanPiece)
		if err != nil {
			return err
		}
		for _, s := range rows {
			after = s.Node.ID
			if !taken[s.Node.ID] && r.byID[s.Node.ID] == nil && !isRoot(&s.Node) && !yield(s) {
				return nil
			}
		}
		if len(rows) < scanPiece {
			return nil
		}
	}
}

func (r *round) planAllGone(rows map[journal.NodeID]journal.Stored) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		s := rows[id]
		if _, beneath := rows[s.Node.Parent]; !beneath {
			r.planGone(s)
		}
	}
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
