package applier

import (
	"cmp"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// late is a node that a set has left behind, as the newest set wants it.
//
// A log that grows faster than it comes would never be here if each set asked for
// the content of its own. So what is on its way goes on as long as the newest content begins
// with it: the node is made of that first, and what was added since is appended to it.
//
//	sets      log, 256 MiB   log, + a line   log, + a line ...
//	haul      ├──────────────────────────────────────┤
//	made                                             log, 256 MiB, then the lines
type late struct {
	entry journal.Entry
	haul  *haul // nil: it waits for another node, and is tried again with every set
	begun bool  // the node was made with the first of its bytes: try it again at once
	short bool  // it waits for room, and is tried again after
	after time.Time
}

// partial says that what comes is only the beginning of what is wanted.
func (l *late) partial() bool {
	return l.haul != nil && l.haul.node.Body.Digest != l.entry.Change.Node.Body.Digest
}

// due is the entry that can be made now.
func (l *late) due() journal.Entry {
	e := l.entry
	if l.partial() {
		e.Change.Node.Body, e.Change.Node.MTime = l.haul.node.Body, l.haul.node.MTime
	}
	return e
}

// begins says whether a content is the first bytes of another: it has only grown.
func begins(first, all journal.Content) bool {
	return first.Generation == all.Generation && first.Generation != 0 && first.Size < all.Size
}

// beginning is a content on its way, or waited for, that is the first part of n's; nil if
// there is none.
func (h *hauls) beginning(n *journal.Node) *haul {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.beginningLocked(n); l != nil && (!l.came() || h.awaitedLocked(l)) {
		return l
	}
	return nil
}

func (h *hauls) beginningLocked(n *journal.Node) *haul {
	for _, l := range h.byBytes {
		if l.node.ID == n.ID && n.Link == 0 && begins(l.node.Body, n.Body) && l.taker == nil && !l.over && !(l.came() && l.err != nil) {
			return l
		}
	}
	return nil
}

// under says whether a content, or its beginning, is on its way or here already.
func (h *hauls) under(n *journal.Node) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.byBytes[n.Body.Digest]
	return l != nil && !h.uselessLocked(l) || h.beginningLocked(n) != nil
}

// awaitedLocked says whether a late node waits for a haul.
func (h *hauls) awaitedLocked(l *haul) bool {
	for _, n := range h.late {
		if n.haul == l {
			return true
		}
	}
	return false
}

// mayLeave says whether a set may leave one more node behind.
func (h *hauls) mayLeave(already int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.late)+already < maxLate
}

// settle takes the outcome of a set: its nodes are late no more, others are. It
// returns how many are. A haul that nobody waits for any more ends.
func (h *hauls) settle(entries []journal.Entry, left []*task) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var over []*haul
	for i := range entries {
		over = append(over, h.settleLocked(&entries[i]))
	}
	for _, t := range left {
		e := t.entry
		if l, ok := h.late[t.node.ID]; ok && l.begun {
			e = l.entry
		}
		l := late{entry: e, haul: t.haul, short: t.short}
		if t.short {
			l.after = now().Add(roomAgain)
		}
		h.late[t.node.ID] = l
		if t.haul.came() {
			h.signalLocked()
		}
	}
	for _, l := range over {
		if l != nil && !h.awaitedLocked(l) {
			l.drop(errDropped)
		}
	}
	return len(h.late)
}

// settleLocked ends the lateness of one node, unless only the beginning of its content
// came. It returns the haul that the node waited for.
func (h *hauls) settleLocked(e *journal.Entry) *haul {
	id := e.Change.Node.ID
	l, ok := h.late[id]
	switch {
	case !ok || l.entry.Seq > e.Seq:
		return nil
	case l.entry.Seq == e.Seq && l.entry.Change.Node.Body.Digest != e.Change.Node.Body.Digest:
		h.late[id] = late{entry: l.entry, begun: true}
		h.signalLocked()
	default:
		delete(h.late, id)
	}
	return l.haul
}

// due are the late nodes that a set has to try again: those whose content has come,
// or will not, those that wait for room, and those that wait for others. some says that there
// are any but the last.
func (h *hauls) due() (entries []journal.Entry, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := now()
	for _, n := range h.late {
		if n.short && at.Before(n.after) {
			continue
		}
		if n.haul == nil || n.haul.came() {
			entries = append(entries, n.due())
			some = some || n.haul != nil || n.begun || n.short
		}
	}
	slices.SortFunc(entries, func(a, b journal.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return entries, some
}

// wanted adds the late nodes, as they are to be.
func (h *hauls) wanted(nodes []journal.Node) []journal.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.late {
		if c := &n.entry.Change; !c.Gone {
			nodes = append(nodes, c.Node)
		}
	}
	return nodes
}

// count is how many nodes are late.
func (h *hauls) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.late)
}

func (h *hauls) isLate(id journal.NodeID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.late[id]
	return ok
}
