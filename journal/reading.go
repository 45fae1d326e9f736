package journal

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// reading is one read transaction of a cursor with the directories it climbed through.
type reading struct {
	q      *sql.Tx
	head   head
	chunk  *Chunk
	rows   map[NodeID]*Stored // directories that were fetched together
	dirs   map[NodeID]*place
	logged bool // entries made of rows get the time and digest of the log
}

// place is a directory with its path, if it is alive.
type place struct {
	row   *Stored
	path  string
	alive bool

	settled bool // it and all above it are told as far as needed
}

// fetch reads the directories above the given nodes, as far as they are not
// known, in one query: a lookup for each would cost more than the nodes.
func (r *reading) fetch(ctx context.Context, count int, parent func(int) NodeID) error {
	var ids []NodeID
	asked := map[NodeID]bool{}
	for i := range count {
		id := parent(i)
		if r.rows[id] == nil && r.dirs[id] == nil && !asked[id] && id != Parked {
			asked[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := ancestors(ctx, r.q, ids)
	if err != nil {
		return err
	}
	for id, s := range rows {
		r.rows[id] = s
	}
	for _, id := range ids {
		if rows[id] == nil {
			r.dirs[id] = &place{} // it is not there
		}
	}
	return nil
}

func (r *reading) dir(ctx context.Context, id NodeID) (*place, error) {
	if p := r.dirs[id]; p != nil {
		return p, nil
	}
	row := r.rows[id]
	if row == nil {
		if err := r.fetch(ctx, 1, func(int) NodeID { return id }); err != nil {
			return nil, err
		}
		if row = r.rows[id]; row == nil {
			return r.dirs[id], nil
		}
	}
	p := &place{}
	r.dirs[id] = p // a circle ends here, not alive
	if row.Gone || row.Node.Kind != Dir {
		return p, nil
	}
	path, ok, err := r.path(ctx, &row.Node)
	p.row, p.path, p.alive = row, path, ok
	return p, err
}

// path climbs; ok is false for a node without a place in the tree.
func (r *reading) path(ctx context.Context, n *Node) (path string, ok bool, err error) {
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
func (r *reading) add(ctx context.Context, s *Stored, path string) error {
	e := Entry{Seq: s.Seq, Path: path, Change: Change{Node: s.Node}, BodySeq: s.BodySeq, PlaceSeq: s.PlaceSeq}
	if r.logged {
		e.Time = time.Unix(0, 0).UTC()
		stamped, ok, err := stampAt(ctx, r.q, s.Seq)
		if err != nil {
			return err
		}
		if ok && stamped.Seq == s.Seq {
			e.Time, e.Digest = stamped.Time, stamped.Digest
		}
	}
	r.chunk.Entries = append(r.chunk.Entries, e)
	return nil
}

// newest reads the log after since up to upto: notes, and the entries that are
// their node's newest, into the memory of found. A superseded one yields nothing. For what is gone the log
// has the path that it had.
func (r *reading) newest(ctx context.Context, found []Entry, since, upto Seq, limit int) (_ []Entry, size int, err error) {
	found = found[:0]
	err = pack(ctx, r.q, func(raw []byte) error {
		size = len(raw)
		found = slices.Grow(found, min(limit, len(raw)/128+1))
		d := decoder{b: raw}
		for len(d.b) > 0 {
			found = append(found, Entry{})
			d.newest(&found[len(found)-1])
		}
		return d.end("entries")
	}, selectNewest, int64(since), int64(upto), limit)
	return found, size, err
}

var selectNewest = packed(
	`iif(node = 0 OR gone != 0, concat('l', entry, ' ', node, ' ', stamp, logged), concat('r', stamp, `+rowParts+`))`,
	`SELECT e.seq AS entry, e.node, e.stamp, e.line AS logged, n.* FROM entries e LEFT JOIN nodes n ON n.id = e.node AND n.seq = e.seq
		WHERE e.seq > ? AND e.seq <= ? AND (n.id IS NOT NULL OR e.node = 0) ORDER BY e.seq LIMIT ?`)

func (d *decoder) newest(e *Entry) {
	if d.byte() == 'l' {
		e.Seq, e.Change.Node.ID = Seq(d.number()), NodeID(d.number())
		d.stamp(e)
		d.entryLine(e)
		e.Change.Gone = e.Note == nil
		e.BodySeq, e.PlaceSeq = e.Seq, e.Seq
		return
	}
	d.stamp(e)
	var s Stored
	d.row(&s)
	e.Change.Node, e.Seq, e.BodySeq, e.PlaceSeq = s.Node, s.Seq, s.BodySeq, s.PlaceSeq
}

const selectNext = "SELECT coalesce(min(seq), 0) FROM entries WHERE seq > ?"

// nextEntry is the first entry after seq; 0 if there is none.
func (r *reading) nextEntry(ctx context.Context, seq Seq) (next Seq, err error) {
	err = r.q.QueryRowContext(ctx, selectNext, int64(seq)).Scan(&next)
	return next, wrap("read entries", err)
}
