package journal

import (
	"context"
	"fmt"
)

// Record is Append on a city: the entries come with the capitol's numbers and
// digests, and pos becomes the journal's position. A zero pos leaves the
// position as it is: that is how the parts of a full comparison are recorded, after
// [Journal.Renumber] or [Journal.Forget], until its last part brings the
// position; they are not logged. Recording again what is known changes nothing; an entry older than
// its node's row is ignored, as is the absence of an unknown node. A node whose
// Parent is [Parked], or that is beneath such a directory, is kept without a place and
// without an entry.
func (j *Journal) Record(ctx context.Context, entries []Entry, pos Position) error {
	err := j.submit(ctx, func(t *tx) error { return t.record(entries, pos) })
	if err != nil {
		return fmt.Errorf("record %d entries: %w", len(entries), err)
	}
	return nil
}

func (t *tx) record(entries []Entry, pos Position) error {
	if t.head.role != City {
		return fmt.Errorf("%w: only a city records", ErrRole)
	}
	steps := make([]step, 0, len(entries))
	logged := make([]*Entry, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Note != nil {
			if err := t.logNote(e); err != nil {
				return err
			}
			continue
		}
		s := step{change: &e.Change}
		if err := t.takeOver(&s); err != nil {
			return err
		}
		if err := t.loadStep(&s); err != nil {
			return err
		}
		if s.known && s.old.Seq > e.Seq && e.Change.Node.ID > 0 || e.Change.Gone && (!s.known || s.old.Gone) {
			continue // a stale row's Seq is of another history
		}
		s.row = recordedRow(&s, e)
		steps, logged = append(steps, s), append(logged, e)
	}
	if err := t.place(steps); err != nil {
		return err
	}
	if err := t.logRecorded(steps, logged); err != nil {
		return err
	}
	t.moveTo(pos)
	return nil
}

// logs says whether entries are logged: without a position there is a full
// comparison, and the log begins after it.
func (t *tx) logs() bool { return !t.head.pos.IsZero() }

func recordedRow(s *step, e *Entry) Stored {
	row := Stored{Node: e.Change.Node, Seen: e.Change.Seen, Seq: e.Seq, BodySeq: e.BodySeq, PlaceSeq: e.PlaceSeq, hashed: s.old.hashed}
	if e.Change.Gone {
		row.Node, row.Gone, row.Seen = s.old.Node, true, Seen{}
	}
	s.state = appendState(nil, &row.Node)
	return row
}

// place is what append does with its steps, with rows that are already made.
func (t *tx) place(steps []step) error {
	if err := t.detachSteps(steps); err != nil {
		return err
	}
	for i := range steps {
		if s := &steps[i]; !s.row.Gone {
			if err := t.attachRow(s); err != nil {
				return err
			}
		}
	}
	for i := range steps {
		if s := &steps[i]; s.row.Gone {
			if err := t.putTomb(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) logRecorded(steps []step, entries []*Entry) error {
	for i := range steps {
		n := &steps[i].row.Node
		if n.Parent == Parked && n.ID != Root {
			continue
		}
		if !steps[i].row.Gone && n.ID != Root {
			_, ok, err := t.placed(n.Parent, n.Name)
			if err == nil && !ok && t.parked(n.Parent) {
				continue
			}
			if err != nil || !ok {
				return fmt.Errorf("%w: %d %q in directory %d", ErrOrphan, n.ID, n.Name, n.Parent)
			}
		}
		if !t.logs() || steps[i].known && steps[i].old.Seq == steps[i].row.Seq {
			continue // it was logged when it came
		}
		e := *entries[i]
		e.Change.Node = *n
		if err := t.logEntry(&e, steps[i].state); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) logNote(e *Entry) error {
	if !t.logs() {
		return nil
	}
	return t.logEntry(e, nil)
}

// moveTo sets the position. Coming from none, the log before it is not here.
func (t *tx) moveTo(pos Position) {
	if pos.IsZero() {
		return
	}
	if t.head.pos.IsZero() {
		t.head.floor = pos.Seq
	}
	t.head.pos = pos
}

// takeOver gives a stale row's place in the tables to the node that replaces it.
func (t *tx) takeOver(s *step) error {
	was, id := s.change.Was, s.change.Node.ID
	if was == 0 || was == id {
		return nil
	}
	stale := step{change: &Change{Node: Node{ID: was}, Gone: true}}
	var err error
	if stale.old, stale.known, err = t.load(was); err != nil || !stale.known {
		return err
	}
	if err := t.detach(&stale); err != nil {
		return err
	}
	if d := t.dirs[was]; d != nil {
		delete(t.dirs, was)
		t.keepDir(id, &dirRow{sum: d.sum, dirty: true})
	}
	for _, d := range t.dirs {
		if d.parent == was {
			d.parent = id
		}
	}
	if _, err := t.stmts.drop.Exec(int64(was)); err != nil {
		return wrap("take over", err)
	}
	_, err = t.stmts.reparent.Exec(int64(id), int64(was))
	return wrap("take over", err)
}

// Renumber makes every live node of a city stale, before a full comparison
// whose ids mean something else (another epoch, a rolled-back capitol): it gets
// a negative id, so that the rows still say what is on disk and what may be
// removed, but can be mistaken for nothing that the capitol names. The position
// is forgotten. Tombstones and the log are dropped.
func (j *Journal) Renumber(ctx context.Context) error {
	return j.startOver(ctx, `
		DELETE FROM nodes WHERE gone != 0;
		DELETE FROM hashes;
		CREATE TEMP TABLE shift AS SELECT max(0, -min(id)) AS by FROM nodes;
		UPDATE nodes SET parent = -(parent + (SELECT by FROM shift)) WHERE parent > 0;
		UPDATE nodes SET sum = CAST(zeroblob(32) || substr(sum, 33) AS BLOB) WHERE sum IS NOT NULL;
		UPDATE nodes SET id = -(id + (SELECT by FROM shift)) WHERE id > 0;
		DROP TABLE shift;`)
}

// Forget drops a city's position and log and keeps its nodes, before a full
// comparison under the same ids (its position is compacted).
func (j *Journal) Forget(ctx context.Context) error { return j.startOver(ctx, "") }

func (j *Journal) startOver(ctx context.Context, script string) error {
	err := j.submit(ctx, func(t *tx) error {
		if t.head.role != City {
			return fmt.Errorf("%w: only a city starts over", ErrRole)
		}
		if err := t.purgeAll(); err != nil {
			return err
		}
		t.dirs, t.head.pos, t.head.floor = nil, Position{}, 0
		return t.exec("start over", "DELETE FROM entries;"+script)
	})
	if err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	return nil
}
