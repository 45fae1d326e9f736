package journal

import "slices"

// recent is what the last commit logged, for readers who had all before it: they need not
// read back from the file what was in memory a moment ago. It is kept where what a
// reader is told is what was logged: files and links that live, in directories that it knows.
type recent struct {
	since   Seq // the head before
	entries []Entry
}

// keepRecent is how many entries of a commit are kept at most.
const keepRecent = 64

// remember keeps the entries of an append, if it is the transaction's only one.
func (t *tx) remember(steps []step) {
	if len(steps) == 0 {
		return
	}
	first := t.recent.entries == nil
	t.recent.entries = []Entry{}
	if !first || len(steps) > keepRecent || slices.ContainsFunc(steps, step.entangled) {
		return
	}
	stamp := decoder{b: appendStamp(nil, t.now, t.head.pos.Digest)}
	var e Entry
	stamp.stamp(&e)
	for i := range steps {
		s := &steps[i]
		e.Seq, e.BodySeq, e.PlaceSeq, e.Path = s.seq, s.bodySeq, s.placeSeq, s.path
		e.Change = Change{Node: *s.node()}
		t.recent.entries = append(t.recent.entries, e)
	}
}

// entangled says that a reader may have to be told more than the step's own entry.
func (s step) entangled() bool {
	return s.change.Gone || s.change.Node.Kind == Dir || s.old != nil && s.old.Node.Kind == Dir
}

// whole says that nothing else was logged up to the head.
func (r *recent) whole(head Seq) bool {
	return len(r.entries) > 0 && r.since+Seq(len(r.entries)) == head
}

// handed is the next chunk, if it is what the last commit logged.
func (c *Cursor) handed(limit int) (Chunk, bool) {
	if !c.follows || len(c.scope)+len(c.early)+len(c.held)+len(c.subtree) > 0 {
		return Chunk{}, false
	}
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	r, head := c.j.recent, c.j.head.pos
	if c.j.closed || head.Epoch != c.epoch || r.since != c.since || !r.whole(head.Seq) || len(r.entries) > limit {
		return Chunk{}, false
	}
	c.since, c.known = head.Seq, head.Seq
	c.reach(head)
	return Chunk{Entries: slices.Clone(r.entries), Position: c.base, Done: true}, true
}
