package journal

import (
	"context"
	"fmt"
)

// Append makes the changes true and logs an entry for each that differs from
// what is known; where only Seen differs, that alone is updated. The order of changes is
// free: names may swap, a parent may come after its child; of two changes of one
// node the later counts. It is one transaction, on disk when it returns; on error
// nothing of it happened. The tree that the changes leave has to be one: two
// nodes with one name are a [*NameTakenError], a node without a living parent is
// an [ErrOrphan], a directory beneath itself an [ErrInvalid].
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
		return t.logNote(&Entry{Seq: t.head.pos.Seq, Time: t.now, Note: &n, Digest: t.head.pos.Digest})
	})
	if err != nil {
		return Position{}, fmt.Errorf("note %v: %w", n.Kind, err)
	}
	return j.Position(), nil
}

func (t *tx) append(changes []Change) error {
	steps := make([]step, len(changes))
	for i := range changes {
		steps[i].change = &changes[i]
	}
	steps = single(steps, func(*step) Seq { return 0 })
	if err := t.loadSteps(steps); err != nil {
		return err
	}
	steps, err := t.differing(steps)
	if err != nil {
		return err
	}
	t.number(steps)
	if err := t.place(steps); err != nil {
		return err
	}
	if err := t.logAll(steps); err != nil {
		return err
	}
	t.remember(steps)
	return nil
}

// differing keeps the steps that make an entry. Of what is unchanged it updates
// what this machine remembers.
func (t *tx) differing(steps []step) ([]step, error) {
	kept := steps[:0]
	for _, s := range steps {
		switch {
		case s.change.Gone && !s.lives():
			continue
		case s.change.Gone:
			var err error
			if s.path, _, err = t.placed(s.old.Node.Parent, s.old.Node.Name); err != nil {
				return nil, err
			}
		case s.lives() && s.old.Node.Equal(s.change.Node):
			if err := t.touch(&s); err != nil {
				return nil, err
			}
			continue
		}
		s.state = t.encode(s.node())
		kept = append(kept, s)
	}
	return kept, nil
}

// touch updates what this machine remembers of an unchanged node.
func (t *tx) touch(s *step) error {
	s.state, s.seq, s.bodySeq, s.placeSeq = t.encode(s.node()), s.old.Seq, s.old.BodySeq, s.old.PlaceSeq
	return t.edit(s)
}

// number gives the living their entries first, then the gone.
func (t *tx) number(steps []step) {
	for _, gone := range []bool{false, true} {
		for i := range steps {
			s := &steps[i]
			if s.change.Gone != gone {
				continue
			}
			t.head.pos.Seq++
			s.seq, s.bodySeq, s.placeSeq = t.head.pos.Seq, t.head.pos.Seq, t.head.pos.Seq
			if !s.lives() {
				continue
			}
			if gone || s.old.Node.Body == s.change.Node.Body && s.old.Node.Kind == s.change.Node.Kind {
				s.bodySeq = s.old.BodySeq
			}
			if s.stays() {
				s.placeSeq = s.old.PlaceSeq
			}
		}
	}
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
	w := wayfinder{t: t}
	stamp := appendStamp(nil, t.now, t.head.pos.Digest)
	for i := range steps {
		s := &steps[i]
		if !s.change.Gone {
			ok := false
			if s.path, ok, err = w.path(s.node()); err == nil && !ok {
				err = orphan(s.node())
			}
			if err != nil {
				return err
			}
		}
		if err := t.logStep(s, stamp); err != nil {
			return err
		}
	}
	return t.entries.flush()
}

func orphan(n *Node) error {
	return fmt.Errorf("%w: %d %q in directory %d", ErrOrphan, n.ID, n.Name, n.Parent)
}
