package journal

import (
	"context"
	"errors"
	"fmt"
)

// Record is Append on a city: the entries come with the capitol's numbers and
// digests, and pos becomes the journal's position. A zero pos leaves the
// position as it is: that is how the parts of a full comparison are recorded, after
// [Journal.Renumber] or [Journal.Forget], until its last part brings the
// position; they are not logged. What they tell ahead of that position is logged when it
// comes again in its turn. Recording again what is known changes nothing else; an entry older than
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
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Note == nil:
			steps = append(steps, step{change: &e.Change, entry: e})
		case t.logs():
			if err := t.logNote(e); err != nil {
				return err
			}
		}
	}
	steps = single(steps, func(s *step) Seq { return s.entry.Seq })
	for i := range steps {
		if err := t.takeOver(steps[i].change); err != nil {
			return err
		}
	}
	if err := t.loadSteps(steps); err != nil {
		return err
	}
	steps = t.recording(steps)
	if err := t.place(steps); err != nil {
		return err
	}
	if err := t.logRecorded(steps); err != nil {
		return err
	}
	t.remember(steps)
	t.moveTo(pos)
	return nil
}

// logs says whether entries are logged: without a position there is a full
// comparison, and the log begins after it.
func (t *tx) logs() bool { return !t.head.pos.IsZero() }

// recording keeps the steps that say something new.
func (t *tx) recording(steps []step) []step {
	kept := steps[:0]
	for _, s := range steps {
		e := s.entry
		stale := e.Change.Node.ID <= 0 // its row's Seq is of another history
		if s.old != nil && s.old.Seq > e.Seq && !stale || e.Change.Gone && !s.lives() {
			continue
		}
		s.seq, s.bodySeq, s.placeSeq = e.Seq, e.BodySeq, e.PlaceSeq
		s.path, s.state = e.Path, t.encode(s.node())
		kept = append(kept, s)
	}
	return kept
}

func (t *tx) logRecorded(steps []step) error {
	w := wayfinder{t: t}
	for i := range steps {
		s := &steps[i]
		n := s.node()
		if n.Parent == Parked && n.ID != Root {
			continue
		}
		if !s.change.Gone {
			_, ok, err := w.path(n)
			if err == nil && !ok && t.parked(n.Parent) {
				continue
			}
			if err != nil || !ok {
				return errors.Join(orphan(n), err)
			}
		}
		if !t.logs() || s.old != nil && s.old.Seq == s.seq && s.seq <= t.head.pos.Seq {
			continue // it was logged when its turn came
		}
		if err := t.logStep(s, appendStamp(nil, s.entry.Time, s.entry.Digest)); err != nil {
			return err
		}
	}
	return t.entries.flush()
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
func (t *tx) takeOver(c *Change) error {
	was, id := c.Was, c.Node.ID
	if was == 0 || was == id {
		return nil
	}
	old, err := oneStored(t.ctx, t.conn, "id = ?", int64(was))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.before = recent{}
	stale := step{change: &Change{Node: Node{ID: was}, Gone: true}, old: &old}
	if err := t.detach(&stale); err != nil {
		return err
	}
	if _, err := t.stmts.drop.Exec(int64(was)); err != nil {
		return wrap("take over", err)
	}
	if old.Node.Kind != Dir {
		return nil
	}
	return t.adopt(id, was)
}

// adopt gives what is in one directory to another.
func (t *tx) adopt(id, was NodeID) error {
	if d := t.dirs[was]; d != nil {
		delete(t.dirs, was)
		into := &dirRow{sum: d.sum}
		t.keepDir(id, into)
		t.soil(id, into)
	}
	for _, d := range t.dirs {
		if d.parent == was {
			d.parent = id
		}
	}
	_, err := t.stmts.reparent.Exec(int64(id), int64(was))
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
		t.forget()
		t.head.pos, t.head.floor = Position{}, 0
		return t.exec("start over", "DELETE FROM entries;"+script)
	})
	if err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	return nil
}
