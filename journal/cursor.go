package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// ErrOtherEpoch ends a cursor: the journal it reads has begun a new life.
var ErrOtherEpoch = errors.New("the journal has begun another epoch")

// Chunk is a part of what a cursor reads, complete in itself: every node's
// parent is in it, in an earlier chunk, or was there before.
type Chunk struct {
	Entries  []Entry  // absences included; notes too
	Position Position // the reader's position once it has applied the chunk; zero while there is none
	Done     bool     // nothing more for now; wait for the head to move past Position.Seq
}

// Cursor reads a journal from a point to its head and then on, a chunk a call.
// It is the whole of what a subscriber costs. Not for use by several at once.
type Cursor struct {
	j     *Journal
	scope Scope
	step  func(context.Context, *reading, int) error

	follows bool // not reading all

	epoch  Epoch
	since  Seq    // following: everything up to it is delivered
	known  Seq    // the reader had everything up to it; 0: nobody can say
	lastID NodeID // reading all: ids up to it are delivered
	base   Position

	early   map[NodeID]Seq // delivered ahead of their turn: parents
	held    []Entry        // removed directories, kept back until all that left them is told
	found   []Entry        // what the last look into the log found; its memory is used again
	subtree []NodeID       // directories that came into scope, to be listed
	after   string         // name reached in the last of subtree
}

// Follow reads on from since: each changed node once, in its newest state,
// parents before children, so it is both the catch-up and the live stream.
// Next fails with [*CompactedError] if since is beneath the floor. With subDirs
// only those; what leaves them is told as gone, what enters is told whole.
//
// The reader had everything up to since, as after a chunk that was Done: else see [Cursor.Unsure].
func (j *Journal) Follow(since Seq, subDirs []string) *Cursor {
	c := &Cursor{j: j, scope: NewScope(subDirs), epoch: j.Position().Epoch, since: since, known: since, early: map[NodeID]Seq{}}
	c.step, c.follows = c.follow, true
	if j.started.role != Capitol {
		return c.Unsure()
	}
	return c
}

// Unsure is for a reader that may have stopped in the midst of a catch-up. There a node that was moved,
// and changed later, is told where the later change is: the reader is past the move and has
// not heard of it. So with subDirs it is told of every node that lies outside, and what is in every directory that
// changed. A city's own log is such a catch-up: whoever reads it is unsure, always.
func (c *Cursor) Unsure() *Cursor {
	c.known = 0
	return c
}

// sure notes that the reader has everything up to the head.
func (c *Cursor) sure(head Seq) {
	if c.j.started.role == Capitol {
		c.known = head
	}
}

// All reads every live node once, parents before children. The last chunk has
// Done and the position to Follow from; what changed meanwhile is told there.
func (j *Journal) All(subDirs []string) *Cursor {
	c := &Cursor{j: j, scope: NewScope(subDirs), epoch: j.Position().Epoch, early: map[NodeID]Seq{}}
	return c.readAll(nil)
}

// Fill is All for a reader that holds nothing at all. It leaves out the files and links
// that are newer than the position that it ends with, bytes and all: Follow tells them
// from there. Of a journal that grows meanwhile All tells much that Follow tells again.
func (j *Journal) Fill(subDirs []string) *Cursor {
	c := j.All(subDirs)
	return c.readAll(func(s *Stored) bool { // where only the state is newer, Follow does not tell the bytes
		return s.Node.Kind != Dir && s.Seq > c.base.Seq && s.BodySeq > c.base.Seq
	})
}

// readAll makes a cursor read all nodes; without (nil: none) leaves some out. No directory
// may be: what is in it needs it.
func (c *Cursor) readAll(without func(*Stored) bool) *Cursor {
	c.step = func(ctx context.Context, r *reading, limit int) error { return c.all(ctx, r, limit, without) }
	return c
}

// Next reads up to about limit nodes, and the parents they need. It never
// waits: an empty chunk with Done means the head is reached.
func (c *Cursor) Next(ctx context.Context, limit int) (Chunk, error) {
	if chunk, ok := c.handed(limit); ok {
		return chunk, ctx.Err()
	}
	var chunk Chunk
	err := c.j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		if h.pos.Epoch != c.epoch {
			return ErrOtherEpoch
		}
		r := &reading{q: tx, head: h, chunk: &chunk, rows: map[NodeID]*Stored{}, dirs: map[NodeID]*place{}}
		return c.step(ctx, r, limit)
	})
	if err != nil {
		return Chunk{}, fmt.Errorf("read journal: %w", err)
	}
	return chunk, nil
}

// all walks by id, so that no node can slip from an unread place to a read one.
func (c *Cursor) all(ctx context.Context, r *reading, limit int, without func(*Stored) bool) error {
	if c.base.IsZero() {
		c.base = r.head.pos
	}
	for size := 0; limit > 0 && size < packBytes; {
		ask := min(limit, packRows)
		found, more, err := scanIn(ctx, r.q, c.lastID, ask)
		if err != nil {
			return err
		}
		if err := c.tellAll(ctx, r, found, without); err != nil {
			return err
		}
		limit, size = limit-len(found), size+more
		if len(found) < ask {
			r.chunk.Done, r.chunk.Position = true, c.base
			break
		}
	}
	return nil
}

func (c *Cursor) tellAll(ctx context.Context, r *reading, found []Stored, without func(*Stored) bool) error {
	if err := r.fetch(ctx, len(found), func(i int) NodeID { return found[i].Node.Parent }); err != nil {
		return err
	}
	if len(found) == packRows { // there will be more
		r.chunk.Entries = slices.Grow(r.chunk.Entries, 2*packRows)
	}
	for i := range found {
		s := &found[i]
		c.lastID = s.Node.ID
		if _, told := c.early[s.Node.ID]; told {
			delete(c.early, s.Node.ID)
			continue
		}
		if without != nil && without(s) {
			continue
		}
		if err := c.tell(ctx, r, s, func(p *place) bool { return p.row.Node.ID > s.Node.ID }); err != nil {
			return err
		}
	}
	return nil
}

// tell adds a live node to the chunk, after those of its parents that are yet to come.
func (c *Cursor) tell(ctx context.Context, r *reading, s *Stored, later func(*place) bool) error {
	path, ok, err := r.path(ctx, &s.Node)
	if err != nil || !ok || !c.scope.Has(path) {
		return err
	}
	if s.Node.ID != Root {
		if err := c.tellParent(ctx, r, s.Node.Parent, later); err != nil {
			return err
		}
	}
	return r.add(ctx, s, path)
}

// tellParent climbs all the way: above a parent that the reader has there may be
// one that it has elsewhere, even beneath the node that is being told.
func (c *Cursor) tellParent(ctx context.Context, r *reading, id NodeID, later func(*place) bool) error {
	p, err := r.dir(ctx, id)
	if err != nil || !p.alive || p.settled {
		return err
	}
	p.settled = true // what is later now is told now; what is not never will be
	if id != Root {
		if err := c.tellParent(ctx, r, p.row.Node.Parent, later); err != nil {
			return err
		}
	}
	if seq, told := c.early[id]; !later(p) || told && seq == p.row.Seq {
		return nil
	}
	c.early[id] = p.row.Seq
	return r.add(ctx, p.row, p.path)
}
