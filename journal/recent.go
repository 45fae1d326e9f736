package journal

import "slices"

// recent is what the last commit wrote, for those who ask for it a moment later: they need
// not read back from the file what was in memory. It is kept of files and links that
// live, if they are few.
type recent struct {
	rows []Stored

	// On a capitol also the entries, for readers who had all before it.
	since   Seq // the head before
	entries []Entry
}

// keepRecent is how many rows of a commit are kept at most.
const keepRecent = 64

// remember keeps what a request wrote, unless a reader may have to be told more than was logged.
func (t *tx) remember(steps []step) {
	if len(steps) > keepRecent || slices.ContainsFunc(steps, step.entangled) {
		return
	}
	stamp := decoder{b: appendStamp(nil, t.now, t.head.pos.Digest)}
	var e Entry
	stamp.stamp(&e)
	for i := range steps {
		s := &steps[i]
		t.recent.rows = append(t.recent.rows, s.row())
		if t.head.role == Capitol {
			e.Seq, e.BodySeq, e.PlaceSeq, e.Path = s.seq, s.bodySeq, s.placeSeq, s.path
			e.Change = Change{Node: *s.node()}
			t.recent.entries = append(t.recent.entries, e)
		}
	}
}

// entangled says that more rows than the step's own are concerned.
func (s step) entangled() bool {
	return s.change.Gone || s.change.Node.Kind == Dir || s.old != nil && s.old.Node.Kind == Dir
}

// row is the row that the step leaves, as it would be read.
func (s *step) row() Stored {
	r := Stored{Node: *s.node(), Seen: *s.seen(), Seq: s.seq, BodySeq: s.bodySeq, PlaceSeq: s.placeSeq}
	if r.hashed = len(r.Seen.HashState) > 0; !r.hashed {
		r.Seen.HashState, r.Seen.Tail = nil, 0
	}
	return r
}

// recently finds a row that the last commit wrote.
func (j *Journal) recently(is func(*Node) bool) (Stored, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return Stored{}, false
	}
	return j.recent.find(is)
}

func (r *recent) find(is func(*Node) bool) (Stored, bool) {
	i := slices.IndexFunc(r.rows, func(s Stored) bool { return is(&s.Node) })
	if i < 0 {
		return Stored{}, false
	}
	return r.rows[i], true
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
	c.since = head.Seq
	c.sure(c.since)
	c.reach(head)
	return Chunk{Entries: slices.Clone(r.entries), Position: c.base, Done: true}, true
}
