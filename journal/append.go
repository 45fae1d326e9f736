package journal

import (
	"context"
	"fmt"
)

// Append makes the changes true and logs an entry for each that differs from
// what is known; where only Seen differs, that alone is updated. The order of changes is
// free: names may swap, a parent may come after its child. It is one
// transaction, on disk when it returns; on error nothing of it happened.
// Absences beneath an absent directory are its entry's business and make none.
func (j *Journal) Append(ctx context.Context, changes []Change) (Position, error) {
	err := j.submit(ctx, func(t *tx) error { return t.append(changes) })
	if err != nil {
		return Position{}, fmt.Errorf("append %d changes: %w", len(changes), err)
	}
	return j.Position(), nil
}

// Note logs an entry about the tree as a whole.
func (j *Journal) Note(ctx context.Context, n Note) (Position, error) {
	err := j.submit(ctx, func(t *tx) error {
		t.head.pos.Seq++
		return t.logEntry(&Entry{Seq: t.head.pos.Seq, Time: t.now, Note: &n, Digest: t.head.pos.Digest}, nil)
	})
	if err != nil {
		return Position{}, fmt.Errorf("note %v: %w", n.Kind, err)
	}
	return j.Position(), nil
}

// step is one change on its way into the tables.
type step struct {
	change *Change
	old    Stored // zero if known is false
	known  bool
	state  []byte // encoded; the last one of what goes
	path   string // of what goes, as it was
	differ bool   // false: no entry, only Seen
	row    Stored // what was put
}

// append takes all nodes that change out of the sums and out of the index of
// names first, then puts the living in, then the gone: so no order between them is needed.
func (t *tx) append(changes []Change) error {
	steps, err := t.detachAll(changes)
	if err != nil {
		return err
	}
	for _, gone := range []bool{false, true} {
		for i := range steps {
			if steps[i].change.Gone != gone {
				continue
			}
			if err := t.attach(&steps[i]); err != nil {
				return err
			}
		}
	}
	return t.logAll(steps)
}

func (t *tx) detachAll(changes []Change) ([]step, error) {
	steps := make([]step, 0, len(changes))
	for i := range changes {
		s := step{change: &changes[i]}
		if err := t.prepareStep(&s); err != nil {
			return nil, err
		}
		switch {
		case s.differ:
			steps = append(steps, s)
		case s.known && !s.change.Gone:
			if err := t.touch(&s); err != nil {
				return nil, err
			}
		}
	}
	return steps, t.detachSteps(steps)
}

// detachSteps ends with nothing of the steps in the sums, and nothing beneath
// them that an earlier life left there.
func (t *tx) detachSteps(steps []step) error {
	for i := range steps {
		if err := t.detach(&steps[i]); err != nil {
			return err
		}
	}
	for i := range steps {
		if err := t.clearBeneath(&steps[i]); err != nil {
			return err
		}
	}
	return nil
}

// prepareStep loads the old row and decides whether there is anything to log.
func (t *tx) prepareStep(s *step) (err error) {
	c := s.change
	if err := t.loadStep(s); err != nil {
		return err
	}
	switch {
	case c.Gone && s.known && !s.old.Gone:
		s.state = appendState(nil, &s.old.Node)
		s.path, s.differ, err = t.placed(s.old.Node.Parent, s.old.Node.Name)
	case c.Gone:
	case s.known && !s.old.Gone && s.old.Node.Equal(c.Node):
	default:
		s.state = appendState(nil, &c.Node)
		s.differ = true
	}
	return err
}

// loadStep reads the old row, unless the id is too new to have one.
func (t *tx) loadStep(s *step) (err error) {
	if s.change.Node.ID < t.newest {
		s.old, s.known, err = t.load(s.change.Node.ID)
	}
	return err
}

// touch updates what this machine remembers of an unchanged node.
func (t *tx) touch(s *step) error {
	row := s.old
	row.Seen = s.change.Seen
	return t.put(&row, appendState(nil, &row.Node))
}

// detach takes a node, with all beneath it, out of the sums above it and frees its name.
func (t *tx) detach(s *step) error {
	id := s.change.Node.ID
	if !s.known {
		if s.change.Node.Kind == Dir && t.dirs[id] == nil {
			t.keepDir(id, &dirRow{})
		}
		return nil
	}
	if s.old.Gone {
		return nil
	}
	if _, err := t.stmts.hide.Exec(int64(id)); err != nil {
		return wrap("free name", err)
	}
	part := SumOf(&s.old.Node)
	if s.old.Node.Kind != Dir {
		return t.spread(s.old.Node.Parent, part, false)
	}
	d, err := t.dir(id)
	if err != nil {
		return err
	}
	part = part.Plus(d.sum)
	parent := d.parent
	d.parent, d.self = Parked, Sum{}
	return t.spread(parent, part, false)
}

// attach makes the row that a step leaves, and puts it in.
func (t *tx) attach(s *step) error {
	t.head.pos.Seq++
	if s.change.Gone {
		s.row = s.old
		s.row.Gone, s.row.Seq, s.row.PlaceSeq = true, t.head.pos.Seq, t.head.pos.Seq
		return t.putTomb(s)
	}
	s.row = rowOf(s, t.head.pos.Seq)
	return t.attachRow(s)
}

// attachRow writes the new row and puts the node back into the sums.
func (t *tx) attachRow(s *step) error {
	n := &s.row.Node
	part := sumOf(n, s.state)
	if n.Kind == Dir {
		d, err := t.dirAnew(n.ID)
		if err != nil {
			return err
		}
		d.parent, d.name, d.self, d.gone, d.dirty = n.Parent, n.Name, part, false, true
		part = part.Plus(d.sum)
	} else {
		delete(t.dirs, n.ID)
	}
	if err := t.spread(n.Parent, part, true); err != nil {
		return err
	}
	return t.put(&s.row, s.state)
}

// clearBeneath deletes what an earlier life left beneath a node that comes back
// from the dead, or that is no directory any more.
func (t *tx) clearBeneath(s *step) error {
	if s.change.Gone || !s.known || s.old.Node.Kind != Dir || !s.old.Gone && s.change.Node.Kind == Dir {
		return nil
	}
	delete(t.dirs, s.change.Node.ID)
	return t.purgeNow(s.change.Node.ID)
}

// dirAnew is the row of a directory that is being attached: a new one starts empty.
func (t *tx) dirAnew(id NodeID) (*dirRow, error) {
	if d := t.dirs[id]; d != nil {
		return d, nil
	}
	s, ok, err := t.load(id)
	if err != nil {
		return nil, err
	}
	d := &dirRow{}
	if ok && s.Node.Kind == Dir && !s.Gone {
		d.sum = s.Beneath
	}
	t.keepDir(id, d)
	return d, nil
}

// rowOf is the row that a living step leaves.
func rowOf(s *step, seq Seq) Stored {
	row := Stored{Node: s.change.Node, Seen: s.change.Seen, Seq: seq, BodySeq: seq, PlaceSeq: seq, born: seq, hashed: s.old.hashed}
	if s.known && !s.old.Gone {
		row.born = s.old.born
		if s.old.Node.Body == row.Node.Body && s.old.Node.Kind == row.Node.Kind {
			row.BodySeq = s.old.BodySeq
		}
		if s.old.Node.Parent == row.Node.Parent && s.old.Node.Name == row.Node.Name {
			row.PlaceSeq = s.old.PlaceSeq
		}
	}
	return row
}

// putTomb leaves a tombstone; the rows beneath a directory are purged later.
func (t *tx) putTomb(s *step) error {
	row := &s.row
	row.Seen.HashState = nil
	if row.Node.Kind == Dir {
		if d := t.dirs[row.Node.ID]; d != nil {
			d.gone, d.parent, d.name = true, row.Node.Parent, row.Node.Name
		}
		if err := t.exec("queue purge", fmt.Sprintf("INSERT OR IGNORE INTO purge VALUES (%d)", row.Node.ID)); err != nil {
			return err
		}
	}
	return t.put(row, s.state)
}

// logAll writes the entries, each with the path as it is once all is in place,
// and all with the tree digest after the whole append.
func (t *tx) logAll(steps []step) (err error) {
	if len(steps) == 0 {
		return nil
	}
	if t.head.pos.Digest, err = t.treeDigest(); err != nil {
		return err
	}
	for i := range steps {
		e, err := t.entryOf(&steps[i])
		if err != nil {
			return err
		}
		if err := t.logEntry(&e, steps[i].state); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) entryOf(s *step) (Entry, error) {
	e := Entry{Seq: s.row.Seq, Time: t.now, Path: s.path, Change: Change{Node: s.row.Node, Gone: s.row.Gone}, Digest: t.head.pos.Digest}
	if s.row.Gone || s.row.Node.ID == Root {
		return e, nil
	}
	var ok bool
	var err error
	n := &s.row.Node
	if e.Path, ok, err = t.placed(n.Parent, n.Name); err == nil && !ok {
		err = fmt.Errorf("%w: %d %q in directory %d", ErrOrphan, n.ID, n.Name, n.Parent)
	}
	return e, err
}
