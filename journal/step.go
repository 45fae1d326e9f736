package journal

import (
	"errors"
	"slices"
)

// step is one change on its way into the tables.
type step struct {
	change *Change
	entry  *Entry  // that brought the change; nil on a capitol
	old    *Stored // nil: there is no row
	state  []byte  // encoded; the last one of what goes
	path   string  // of what goes, as it was

	seq, bodySeq, placeSeq Seq // of the row to be
}

// node is the state that the step leaves; the last one of what goes.
func (s *step) node() *Node {
	if s.change.Gone {
		return &s.old.Node
	}
	return &s.change.Node
}

func (s *step) seen() *Seen {
	if s.change.Gone {
		return &Seen{}
	}
	return &s.change.Seen
}

func (s *step) lives() bool { return s.old != nil && !s.old.Gone }

// stays says that the node lives on under the name that it has.
func (s *step) stays() bool {
	return s.lives() && !s.change.Gone && s.old.Node.Parent == s.change.Node.Parent && s.old.Node.Name == s.change.Node.Name
}

// clears says that what is beneath the old node is not beneath the new one: it
// comes back from the dead, or is no directory any more.
func (s *step) clears() bool {
	return !s.change.Gone && s.old != nil && s.old.Node.Kind == Dir && (s.old.Gone || s.change.Node.Kind != Dir)
}

// opens says that a directory begins here, empty.
func (s *step) opens() bool {
	return !s.change.Gone && s.change.Node.Kind == Dir && (!s.lives() || s.old.Node.Kind != Dir)
}

// single keeps one step a node: the last, unless by is larger for an earlier one.
func single(steps []step, by func(*step) Seq) []step {
	if len(steps) < 2 {
		return steps
	}
	at := make(map[NodeID]int, len(steps))
	kept := steps[:0]
	for _, s := range steps {
		i, twice := at[s.change.Node.ID]
		switch {
		case !twice:
			at[s.change.Node.ID] = len(kept)
			kept = append(kept, s)
		case by(&s) >= by(&kept[i]):
			kept[i] = s
		}
	}
	return kept
}

// loadSteps reads the old rows, but for ids that are too new to have one.
func (t *tx) loadSteps(steps []step) error {
	var ids []NodeID
	for i := range steps {
		if id := steps[i].change.Node.ID; id < t.newest {
			ids = append(ids, id)
		}
	}
	rows, err := t.loadAll(ids)
	if err != nil {
		return err
	}
	var lost []*Stored
	for i := range steps {
		s := &steps[i]
		if s.old = rows[s.change.Node.ID]; !s.lives() {
			continue
		}
		dead, err := t.dead(s.old)
		if err != nil {
			return err
		}
		if dead {
			lost = append(lost, s.old)
		}
	}
	return t.unplace(lost)
}

func (t *tx) loadAll(ids []NodeID) (map[NodeID]*Stored, error) {
	rows := make(map[NodeID]*Stored, len(ids))
	ids = slices.DeleteFunc(ids, func(id NodeID) bool {
		s, ok := t.before.find(func(n *Node) bool { return n.ID == id })
		if ok {
			rows[id] = &s
		}
		return ok
	})
	for part := range slices.Chunk(ids, packRows) {
		found, _, err := selectStored(t.ctx, t.conn, nil, amongIDs, listIDs(part))
		if err != nil {
			return nil, err
		}
		for i := range found {
			rows[found[i].Node.ID] = &found[i]
		}
	}
	return rows, nil
}

// dead says whether a living row is beneath a removed directory: it is gone
// like that, only nobody has come by to write it down.
func (t *tx) dead(s *Stored) (bool, error) {
	id := s.Node.Parent
	for hops := 0; id != Root && id != Parked && hops <= maxDepth; hops++ {
		d, err := t.dir(id)
		if errors.Is(err, ErrOrphan) {
			return true, nil
		}
		if err != nil || d.gone {
			return err == nil, err
		}
		id = d.parent
	}
	return false, nil
}
