package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Superseded entries yield nothing; a step reads at most so many times its
// limit of them before it returns what it has.
const followSpan = 8

// logged is an entry with the row of its node, if that is still its newest state.
type logged struct {
	entry  Entry
	newest bool
}

// follow reads the log from c.since.
func (c *Cursor) follow(ctx context.Context, r *reading, limit int) error {
	r.logged = true
	if c.since < r.head.floor {
		return &CompactedError{c.since, r.head.floor}
	}
	if len(c.subtree) > 0 {
		return c.list(ctx, r, limit)
	}
	found, read, err := r.entriesAfter(ctx, c.since, limit)
	if err != nil {
		return err
	}
	for i := range found {
		l := &found[i]
		if err := c.followOne(ctx, r, l); err != nil {
			return err
		}
		c.since = l.entry.Seq
		c.reach(Position{r.head.pos.Epoch, l.entry.Seq, l.entry.Digest})
		if len(c.subtree) > 0 {
			r.chunk.Position = Position{}
			return nil // the position comes when the subtree is told
		}
	}
	if !read {
		r.chunk.Entries = append(r.chunk.Entries, c.held...)
		c.since, c.known, c.held = r.head.pos.Seq, r.head.pos.Seq, nil
		c.reach(r.head.pos)
		r.chunk.Done = true
	}
	r.chunk.Position = c.base
	return nil
}

// reach moves the reader's position on, unless something before it is still
// held back: a reader that comes again has to meet that again.
func (c *Cursor) reach(pos Position) {
	if len(c.held) == 0 {
		c.base = pos
	}
}

func (c *Cursor) followOne(ctx context.Context, r *reading, l *logged) error {
	e := &l.entry
	switch {
	case e.Note != nil:
		r.chunk.Entries = append(r.chunk.Entries, *e)
		return nil
	case !l.newest:
		return nil
	}
	id := e.Change.Node.ID
	if seq, told := c.early[id]; told && seq == e.Seq {
		delete(c.early, id)
		return nil
	}
	path, ok, err := r.path(ctx, e.Change.Node)
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
	dir := c.subtree[len(c.subtree)-1]
	found, err := selectStored(ctx, r.q, "parent = ? AND name > ? AND gone = 0 ORDER BY name LIMIT ?", int64(dir), []byte(c.after), limit)
	if err != nil {
		return err
	}
	var beneath []NodeID
	for _, s := range found {
		path, ok, err := r.path(ctx, s.Node)
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

// entriesAfter reads the log and says whether there may be more.
func (r *reading) entriesAfter(ctx context.Context, since Seq, limit int) (found []logged, more bool, err error) {
	rows, err := r.q.QueryContext(ctx, `SELECT `+entryColumns+`, coalesce(n.body_seq, 0), coalesce(n.place_seq, 0), n.id IS NOT NULL, coalesce(n.gone, 0)
		FROM entries e LEFT JOIN nodes n ON n.id = e.node AND n.seq = e.seq WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
		int64(since), limit*followSpan)
	if err != nil {
		return nil, false, wrap("read entries", err)
	}
	defer rows.Close()
	live := 0
	for rows.Next() {
		var l logged
		var body, placed, gone int64
		if l.entry, err = scanEntry(rows, &body, &placed, &l.newest, &gone); err != nil {
			return nil, false, err
		}
		l.entry.Change.Gone = l.entry.Change.Gone || gone != 0
		l.entry.BodySeq, l.entry.PlaceSeq = Seq(body), Seq(placed)
		found = append(found, l)
		if l.newest || l.entry.Note != nil {
			live++
		}
		if live == limit {
			return found, true, nil
		}
	}
	return found, len(found) == limit*followSpan, wrap("read entries", rows.Err())
}

// reading is one read transaction of a cursor with the directories it climbed through.
type reading struct {
	q      *sql.Tx
	head   head
	chunk  *Chunk
	dirs   map[NodeID]*place
	logged bool // entries made of rows get the time and digest of the log
}

// place is a directory with its path, if it is alive.
type place struct {
	row   Stored
	path  string
	alive bool

	settled bool // it and all above it are told as far as needed
}

func (r *reading) dir(ctx context.Context, id NodeID) (*place, error) {
	if p := r.dirs[id]; p != nil {
		return p, nil
	}
	p := &place{}
	r.dirs[id] = p // a circle ends here, not alive
	row, err := nodeIn(ctx, r.q, id)
	if err != nil || row.Gone || row.Node.Kind != Dir {
		return p, ignoreMissing(err)
	}
	path, ok, err := r.path(ctx, row.Node)
	p.row, p.path, p.alive = row, path, ok
	return p, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// path climbs; ok is false for a node without a place in the tree.
func (r *reading) path(ctx context.Context, n Node) (path string, ok bool, err error) {
	switch {
	case n.ID == Root:
		return "", true, nil
	case n.Parent == Root:
		return n.Name, true, nil
	case n.Parent == Parked:
		return "", false, nil
	}
	p, err := r.dir(ctx, n.Parent)
	if err != nil || !p.alive {
		return "", false, err
	}
	return p.path + "/" + n.Name, true, nil
}

// add makes an entry of a row, with the time and digest that the log has for it, if it still has.
func (r *reading) add(ctx context.Context, s Stored, path string) error {
	e := Entry{Seq: s.Seq, Path: path, Change: Change{Node: s.Node}, BodySeq: s.BodySeq, PlaceSeq: s.PlaceSeq}
	if r.logged {
		var at int64
		var digest []byte
		err := r.q.QueryRowContext(ctx, "SELECT time, digest FROM entries WHERE seq = ?", int64(s.Seq)).Scan(&at, &digest)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return wrap("read entry", err)
		}
		e.Time = time.Unix(0, at).UTC()
		copy(e.Digest[:], digest)
	}
	r.chunk.Entries = append(r.chunk.Entries, e)
	return nil
}
