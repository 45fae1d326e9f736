package journal

// place takes all nodes that change out of the sums and out of the index of
// names first, then puts the living in, then the gone: so no order between them
// is needed, and a name is refused only if two want it in the end.
func (t *tx) place(steps []step) error {
	if err := t.detachAll(steps); err != nil {
		return err
	}
	return t.explain(t.putAll(steps))
}

func (t *tx) putAll(steps []step) error {
	for _, gone := range []bool{false, true} {
		for i := range steps {
			s := &steps[i]
			if s.change.Gone != gone {
				continue
			}
			put := t.attach
			if gone {
				put = t.bury
			}
			if err := put(s); err != nil {
				return err
			}
		}
	}
	return t.fresh.flush()
}

// detachAll ends with nothing of the steps in the sums, and nothing beneath
// them that an earlier life left there.
func (t *tx) detachAll(steps []step) error {
	for i := range steps {
		if err := t.detach(&steps[i]); err != nil {
			return err
		}
	}
	for i := range steps {
		s := &steps[i]
		id := s.change.Node.ID
		if s.clears() {
			t.keepDir(id, &dirRow{gone: true}) // its row says so only when it is written
			if err := t.purgeBeneath(id); err != nil {
				return err
			}
		}
		if s.opens() && (s.old != nil || t.dirs[id] == nil) {
			t.keepDir(id, &dirRow{}) // for what comes beneath it before its own turn
		}
	}
	return nil
}

// detach takes a node, with all beneath it, out of the sums above it and frees its name.
func (t *tx) detach(s *step) error {
	id := s.change.Node.ID
	if !s.lives() {
		return nil
	}
	if !s.stays() {
		if _, err := t.stmts.hide.Exec(int64(id)); err != nil {
			return wrap("free name", err)
		}
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

// attach writes the row of a living node and puts it back into the sums.
func (t *tx) attach(s *step) error {
	n := &s.change.Node
	part := sumOf(n, s.state)
	if n.Kind == Dir {
		d := t.dirs[n.ID]
		if d == nil { // its parent became a file: refused as an orphan in the end
			return orphan(n)
		}
		d.parent, d.name, d.self, d.gone = n.Parent, n.Name, part, false
		t.soil(n.ID, d)
		part = part.Plus(d.sum)
	}
	if err := t.spread(n.Parent, part, true); err != nil {
		return err
	}
	switch {
	case s.old == nil:
		return t.insert(s)
	case s.stays():
		return t.edit(s)
	}
	return t.put(s)
}

// bury leaves a tombstone; the rows beneath a directory are purged later.
func (t *tx) bury(s *step) error {
	if n := s.node(); n.Kind == Dir {
		if d := t.dirs[n.ID]; d != nil {
			d.gone, d.parent, d.name = true, n.Parent, n.Name
		}
		if err := t.queuePurge([]NodeID{n.ID}); err != nil {
			return err
		}
	}
	return t.put(s)
}
