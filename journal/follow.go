package journal

import (
	"context"
	"slices"
)

// Superseded entries yield nothing; a step goes through at most so many times its
// limit of them before it returns what it has.
const followSpan = 8

// So many entries a chunk grows by at most when more are to come.
const growEntries = 1024

// follow reads the log from c.since.
func (c *Cursor) follow(ctx context.Context, r *reading, limit int) error {
	r.logged = true
	if c.since < r.head.floor {
		return &CompactedError{c.since, r.head.floor}
	}
	if len(c.subtree) > 0 {
		return c.list(ctx, r, limit)
	}
	upto := min(r.head.pos.Seq, c.since+Seq(limit)*followSpan)
	for size := 0; limit > 0 && c.since < upto && size < packBytes; {
		n, more, err := c.followPack(ctx, r, upto, limit)
		if err != nil || len(c.subtree) > 0 {
			return err // the position comes when the subtree is told
		}
		limit, size = limit-n, size+more
	}
	if c.since >= r.head.pos.Seq {
		r.chunk.Entries = append(r.chunk.Entries, c.held...)
		c.since, c.held, c.found = r.head.pos.Seq, nil, nil
		c.sure(c.since)
		c.reach(r.head.pos)
		r.chunk.Done = true
	}
	r.chunk.Position = c.base
	return nil
}

// followPack tells the next entries up to upto, and says how many and how large they were.
func (c *Cursor) followPack(ctx context.Context, r *reading, upto Seq, limit int) (n, size int, err error) {
	ask := min(limit, packRows)
	found, size, err := r.newest(ctx, c.found, c.since, upto, ask)
	if err != nil {
		return 0, 0, err
	}
	c.found = found
	if err := r.fetch(ctx, len(found), func(i int) NodeID { return found[i].Change.Node.Parent }); err != nil {
		return 0, 0, err
	}
	if len(found) == ask { // there will be more
		r.chunk.Entries = slices.Grow(r.chunk.Entries, min(limit, growEntries))
	}
	for i := range found {
		e := &found[i]
		seq, digest := e.Seq, e.Digest
		if err := c.followOne(ctx, r, e); err != nil {
			return 0, 0, err
		}
		c.since = seq
		c.reach(Position{r.head.pos.Epoch, seq, digest})
		if len(c.subtree) > 0 {
			return 0, 0, nil
		}
	}
	if len(found) < ask {
		return len(found), size, c.pass(ctx, r, upto)
	}
	return len(found), size, nil
}

// pass goes to the end of a stretch that has nothing more to tell.
func (c *Cursor) pass(ctx context.Context, r *reading, upto Seq) error {
	if upto == r.head.pos.Seq {
		c.since = upto
		return nil
	}
	last, ok, err := stampAt(ctx, r.q, upto)
	if err != nil {
		return err
	}
	if ok && last.Seq > c.since {
		c.since = upto
		c.reach(Position{r.head.pos.Epoch, last.Seq, last.Digest})
		return nil
	}
	next, err := r.nextEntry(ctx, upto) // a city's log has gaps
	if c.since = next - 1; next == 0 {
		c.since = r.head.pos.Seq
	}
	return err
}

// reach moves the reader's position on, unless something before it is still
// held back: a reader that comes again has to meet that again.
func (c *Cursor) reach(pos Position) {
	if len(c.held) == 0 {
		c.base = pos
	}
}

func (c *Cursor) followOne(ctx context.Context, r *reading, e *Entry) error {
	if e.Note != nil {
		r.chunk.Entries = append(r.chunk.Entries, *e)
		return nil
	}
	id := e.Change.Node.ID
	if id < 0 {
		return nil // a stale row has ended, see [Journal.Renumber]: nobody else has heard of it
	}
	if seq, told := c.early[id]; told && seq == e.Seq {
		delete(c.early, id)
		return nil
	}
	path, ok, err := r.path(ctx, &e.Change.Node)
	if err != nil {
		return err
	}
	moved := e.PlaceSeq > c.known
	switch {
	case e.Change.Gone || !ok || moved && !c.scope.Has(path):
		c.tellGone(r, *e)
		return nil
	case !c.scope.Has(path):
		return nil
	}
	if len(c.scope) > 0 && moved && e.Change.Node.Kind == Dir {
		c.subtree, c.after = append(c.subtree, id), ""
	}
	if id != Root {
		later := func(p *place) bool { return p.row.Seq > e.Seq }
		if err := c.tellParent(ctx, r, e.Change.Node.Parent, later); err != nil {
			return err
		}
	}
	e.Path = path
	r.chunk.Entries = append(r.chunk.Entries, *e)
	return nil
}

// tellGone tells that a node is gone, has left the scope, or was moved beneath
// something removed. Even one that was made after c.since: the reader may know it,
// told ahead of its turn or past a position that lagged for what was held back.
// Outside the scope a node's name is not the reader's business. A directory is
// held back until the head is reached: what was moved out of it may be told
// later than its end, and on the reader's side would go with it.
func (c *Cursor) tellGone(r *reading, e Entry) {
	id := e.Change.Node.ID
	e.Change = Change{Node: e.Change.Node, Gone: true}
	if len(c.scope) > 0 {
		e.Change.Node, e.Path = Node{ID: id, Kind: e.Change.Node.Kind}, ""
	}
	if e.Change.Node.Kind == Dir {
		c.held = append(c.held, e)
		return
	}
	r.chunk.Entries = append(r.chunk.Entries, e)
}

// list tells what is in directories that came into scope with all they hold.
func (c *Cursor) list(ctx context.Context, r *reading, limit int) error {
	limit = min(limit, packRows)
	found, err := childrenIn(ctx, r.q, nil, c.subtree[len(c.subtree)-1], c.after, limit)
	if err != nil {
		return err
	}
	var beneath []NodeID
	for i := range found {
		s := &found[i]
		path, ok, err := r.path(ctx, &s.Node)
		if err != nil {
			return err
		}
		c.after = s.Node.Name
		if !ok || !c.scope.Has(path) {
			continue
		}
		if err := r.add(ctx, s, path); err != nil {
			return err
		}
		if s.Node.Kind == Dir {
			beneath = append(beneath, s.Node.ID)
		}
	}
	if len(found) < limit {
		c.subtree, c.after = c.subtree[:len(c.subtree)-1], ""
	}
	if len(beneath) > 0 { // they wait beneath the directory that is being listed
		c.subtree = append(beneath, c.subtree...)
	}
	if len(c.subtree) == 0 {
		r.chunk.Position = c.base
	}
	return nil
}
