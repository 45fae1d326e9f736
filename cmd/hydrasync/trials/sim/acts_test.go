package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/journal"
)

// pick is a random node of some kinds, the root only as a directory.
func (s *source) pick(kinds ...journal.Kind) (journal.Node, bool) {
	var found []journal.NodeID
	for _, id := range s.ids() {
		if slices.Contains(kinds, s.nodes[id].node.Kind) {
			found = append(found, id)
		}
	}
	if len(found) == 0 {
		return journal.Node{}, false
	}
	return s.nodes[found[s.w.dice.IntN(len(found))]].node, true
}

// spot is a free place for a node, or one that is made free; moved is what made way.
func (s *source) spot(id journal.NodeID) (parent journal.NodeID, name string, moved []journal.Change, ok bool) {
	dir, _ := s.pick(journal.Dir)
	if id != 0 && s.within(dir.ID, id) {
		return 0, "", nil, false
	}
	name = string(rune('a' + s.w.dice.IntN(4)))
	for _, other := range s.ids() {
		o := s.nodes[other].node
		if o.Parent != dir.ID || o.Name != name || other == id || other == journal.Root {
			continue
		}
		if id != 0 && s.within(id, other) {
			return 0, "", nil, false
		}
		if n := s.nodes[id].node; id != 0 && !s.within(n.Parent, other) && s.w.dice.IntN(2) == 0 {
			o.Parent, o.Name = n.Parent, n.Name
			return dir.ID, name, []journal.Change{s.put(o, s.bodies[other])}, true
		}
		return dir.ID, name, []journal.Change{s.remove(other)}, true
	}
	return dir.ID, name, nil, true
}

func (s *source) text() string {
	s.count++
	switch s.w.dice.IntN(8) {
	case 0:
		return strings.Repeat(fmt.Sprintf("%d|", s.count), 24_000) // travels when it is asked for
	case 1:
		return strings.Repeat(fmt.Sprintf("%d;", s.count), 900)
	case 2:
		return "the same for many"
	case 3:
		return ""
	}
	return fmt.Sprintf("text %d", s.count)
}

var anything = []journal.Kind{journal.File, journal.Dir, journal.Symlink}

// act changes the tree and tells the journal.
func (s *source) act() string {
	var what string
	var changes []journal.Change
	switch s.w.dice.IntN(12) {
	case 0, 1, 2:
		what, changes = s.create(journal.File)
	case 3, 4:
		what, changes = s.create(journal.Dir)
	case 5:
		what, changes = s.create(journal.Symlink)
	case 6, 7, 8:
		what, changes = s.move()
	case 9, 10:
		what, changes = s.write()
	case 11:
		what, changes = s.other()
	}
	s.append(changes)
	return what
}

func (s *source) create(kind journal.Kind) (string, []journal.Change) {
	parent, name, changes, _ := s.spot(0)
	n := journal.Node{ID: s.j.NewID(), Parent: parent, Name: name, Kind: kind, Mode: 0o755}
	body := ""
	if kind != journal.Dir {
		n.MTime = journal.Time{Sec: 1_700_000_000 + int64(s.count), Nsec: 5}
	}
	switch kind {
	case journal.File:
		body = s.text()
		n.Body, n.Mode = s.content(0, body), 0o644
	case journal.Symlink:
		n.Target, n.Mode = "to/"+name, 0o777
	}
	return fmt.Sprintf("create %v %d %s in %d", kind, n.ID, name, parent), append(changes, s.put(n, body))
}

func (s *source) move() (string, []journal.Change) {
	n, ok := s.pick(anything...)
	if !ok || n.ID == journal.Root {
		return "nothing", nil
	}
	parent, name, changes, ok := s.spot(n.ID)
	if _, alive := s.nodes[n.ID]; !ok || !alive {
		return "nothing", changes
	}
	n.Parent, n.Name = parent, name
	return fmt.Sprintf("move %d to %s in %d", n.ID, name, parent), append(changes, s.put(n, s.bodies[n.ID]))
}

// write edits a file, or lets it grow; all its names.
func (s *source) write() (string, []journal.Change) {
	n, ok := s.pick(journal.File)
	if !ok {
		return "nothing", nil
	}
	body, generation := s.text(), uint64(0)
	if s.w.dice.IntN(2) == 0 && len(s.bodies[n.ID]) < 100_000 {
		body, generation = s.bodies[n.ID]+fmt.Sprintf(" line %d", s.count), n.Body.Generation
	}
	c, mtime := s.content(generation, body), 1_700_000_000+int64(s.count)
	var changes []journal.Change
	for _, id := range s.ids() {
		if m := s.nodes[id].node; id == n.ID || n.Link != 0 && m.Link == n.Link {
			m.Body, m.MTime.Sec = c, mtime
			changes = append(changes, s.put(m, body))
		}
	}
	return fmt.Sprintf("write %d, %d bytes", n.ID, len(body)), changes
}

// other removes, changes a mode, or gives a file another name.
func (s *source) other() (string, []journal.Change) {
	n, ok := s.pick(anything...)
	if !ok || n.ID == journal.Root {
		return "nothing", nil
	}
	switch s.w.dice.IntN(3) {
	case 0:
		return fmt.Sprintf("remove %d", n.ID), []journal.Change{s.remove(n.ID)}
	case 1:
		if n.Kind != journal.Dir {
			return "nothing", nil
		}
		n.Mode ^= 0o022
		return fmt.Sprintf("mode of %d", n.ID), []journal.Change{s.put(n, "")}
	}
	if n.Kind != journal.File || n.Link != 0 {
		return "nothing", nil
	}
	parent, name, changes, _ := s.spot(0)
	if _, alive := s.nodes[n.ID]; !alive {
		return "nothing", changes
	}
	n.Link = s.j.NewID()
	changes = append(changes, s.put(n, s.bodies[n.ID]))
	m := n
	m.ID, m.Parent, m.Name = s.j.NewID(), parent, name
	return fmt.Sprintf("link %d as %d", n.ID, m.ID), append(changes, s.put(m, s.bodies[n.ID]))
}
