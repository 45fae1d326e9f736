package applier

import "github.com/hydrasync/hydrasync/journal"

// doubts are the nodes of sets that did not come to their end: the disk may have
// them as those sets wanted them, in part, and their rows do not say so. A
// later set names each of them again, because no position was recorded; then
// they are made as it says, even where the row is the same already. Until then a
// difference is no stranger's doing.
type doubts map[journal.NodeID]bool

// doubt remembers what a round that failed may have changed.
func (r *round) doubt() {
	for _, t := range r.tasks {
		if t.known {
			r.doubts[t.node.ID] = true
		}
	}
}
