package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// model is a capitol's tree as a naive map, to make random valid changes.
type model struct {
	rng   *rand.Rand
	nodes map[journal.NodeID]journal.Node
	next  func() journal.NodeID
}

func (m *model) dirs() (ids []journal.NodeID) {
	for id, n := range m.nodes {
		if n.Kind == journal.Dir && m.alive(id) {
			ids = append(ids, id)
		}
	}
	return sorted(ids)
}

func (m *model) others() (ids []journal.NodeID) {
	for id := range m.nodes {
		if id != journal.Root && m.alive(id) {
			ids = append(ids, id)
		}
	}
	return sorted(ids)
}

func sorted(ids []journal.NodeID) []journal.NodeID {
	for i := range ids {
		for k := i; k > 0 && ids[k-1] > ids[k]; k-- {
			ids[k-1], ids[k] = ids[k], ids[k-1]
		}
	}
	return ids
}

func (m *model) alive(id journal.NodeID) bool { return m.beneath(id, journal.Root) }

func (m *model) beneath(id, top journal.NodeID) bool {
	for ; id != 0; id = m.nodes[id].Parent {
		if id == top {
			return true
		}
	}
	return false
}

func (m *model) taken(parent journal.NodeID, name string) bool {
	for _, n := range m.nodes {
		if n.Parent == parent && n.Name == name {
			return true
		}
	}
	return false
}

func (m *model) name() string { return fmt.Sprintf("n%d", m.rng.IntN(12)) }

// change makes one random valid change, or none.
func (m *model) change() []journal.Change {
	dirs, others := m.dirs(), m.others()
	parent, name := dirs[m.rng.IntN(len(dirs))], m.name()
	op := m.rng.IntN(10)
	if len(others) == 0 || op < 4 {
		if m.taken(parent, name) {
			return nil
		}
		c := file(m.next(), parent, name, byte(m.rng.IntN(256)))
		if op%2 == 0 {
			c = dir(c.Node.ID, parent, name)
		}
		m.nodes[c.Node.ID] = c.Node
		return []journal.Change{c}
	}
	id := others[m.rng.IntN(len(others))]
	n := m.nodes[id]
	switch {
	case op == 4:
		delete(m.nodes, id)
		return []journal.Change{gone(id)}
	case op < 7: // move
		if m.taken(parent, name) || m.beneath(parent, id) {
			return nil
		}
		n.Parent, n.Name = parent, name
	case op < 8: // swap names with another
		other := others[m.rng.IntN(len(others))]
		o := m.nodes[other]
		if m.beneath(id, other) || m.beneath(other, id) {
			return nil
		}
		n.Parent, n.Name, o.Parent, o.Name = o.Parent, o.Name, n.Parent, n.Name
		m.nodes[other] = o
		m.nodes[id] = n
		return []journal.Change{{Node: o}, {Node: n}}
	default:
		n.Mode = uint32(m.rng.IntN(0o1000))
		if n.Kind == journal.File {
			n.Body.Digest[1]++
		}
	}
	m.nodes[id] = n
	return []journal.Change{{Node: n}}
}

// city applies chunks as a city would: what is in the way is parked first.
type city struct {
	t testing.TB
	j *journal.Journal
}

func (c city) take(chunk journal.Chunk, pos journal.Position, was map[journal.NodeID]journal.NodeID) {
	c.t.Helper()
	entries := chunk.Entries
	in := map[journal.NodeID]bool{}
	for _, e := range entries {
		in[e.Change.Node.ID], in[e.Change.Was] = true, true
	}
	for _, e := range chunk.Entries {
		n := e.Change.Node
		if e.Note != nil || e.Change.Gone || n.ID == journal.Root {
			continue
		}
		if stale, ok := was[n.Parent]; ok {
			n.Parent = stale
		}
		there, err := c.j.Lookup(ctx, n.Parent, n.Name)
		if err != nil || in[there.Node.ID] {
			continue
		}
		in[there.Node.ID] = true
		there.Node.Parent, there.Node.Name = journal.Parked, fmt.Sprint(there.Node.ID)
		entries = append(entries, journal.Entry{Seq: there.Seq, Change: journal.Change{Node: there.Node, Seen: there.Seen}})
	}

	if err := c.j.Record(ctx, entries, pos); err != nil {
		c.t.Fatal(err)
	}
}

func (c city) follow(from *journal.Cursor, limit int) {
	c.t.Helper()
	for {
		chunk, err := from.Next(ctx, limit)
		if err != nil {
			c.t.Fatal(err)
		}
		c.take(chunk, chunk.Position, nil)
		if chunk.Done {
			return
		}
	}
}

// full is a full comparison: what is not mentioned goes.
func (c city) full(from *journal.Journal, limit int) {
	c.t.Helper()
	mentioned := map[journal.NodeID]bool{}
	was := map[journal.NodeID]journal.NodeID{}
	for cur := from.All(nil); ; {
		chunk, err := cur.Next(ctx, limit)
		if err != nil {
			c.t.Fatal(err)
		}
		for i := range chunk.Entries {
			n := chunk.Entries[i].Change.Node
			mentioned[n.ID] = true
			parent := n.Parent
			if stale, ok := was[parent]; ok {
				parent = stale
			}
			if stale, err := c.j.Lookup(ctx, parent, n.Name); err == nil && stale.Node.ID < 0 && stale.Node.Kind == n.Kind {
				chunk.Entries[i].Change.Was, was[n.ID] = stale.Node.ID, stale.Node.ID
			}
		}
		c.take(chunk, journal.Position{}, was)
		clear(was)
		if !chunk.Done {
			continue
		}
		rest, err := c.j.ScanFrom(ctx, -1<<62, 1<<20)
		if err != nil {
			c.t.Fatal(err)
		}
		var last []journal.Entry
		for _, s := range rest {
			if !mentioned[s.Node.ID] {
				last = append(last, journal.Entry{Seq: s.Seq, Change: gone(s.Node.ID)})
			}
		}
		if err := c.j.Record(ctx, last, chunk.Position); err != nil {
			c.t.Fatal(err)
		}
		return
	}
}

func TestCityThatFollowsEndsEqualWhateverHappened(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			j := MustNew(t)
			m := &model{rng: rand.New(rand.NewPCG(seed, 1)), nodes: map[journal.NodeID]journal.Node{1: root().Node}, next: j.NewID}
			c := city{t, MustOpen(t, journal.City, newPath(t))}
			c.full(j, 3)
			from := j.Follow(c.j.Position().Seq, nil)
			for range 12 {
				for range m.rng.IntN(40) {
					MustAppend(t, j, m.change()...)
				}
				if m.rng.IntN(3) > 0 {
					c.follow(from, 1+m.rng.IntN(9))
					checkEqual(t, j, c.j)
				}
				if m.rng.IntN(4) == 0 { // a reconnect
					from = j.Follow(c.j.Position().Seq, nil)
				}
				if m.rng.IntN(6) == 0 {
					if err := c.j.Renumber(ctx); err != nil {
						t.Fatal(err)
					}
					c.full(j, 5)
					checkEqual(t, j, c.j)
					from = j.Follow(c.j.Position().Seq, nil)
				}
			}
			c.follow(from, 4)
			checkEqual(t, j, c.j)
			checkDigest(t, j)
			checkDigest(t, c.j)
		})
	}
}

func checkEqual(t testing.TB, capitol, c *journal.Journal) {
	t.Helper()
	want, pos, err := capitol.ScopeDigest(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, cityPos, err := c.ScopeDigest(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pos != cityPos {
		t.Fatalf("the city is at %v, the capitol at %v", cityPos, pos)
	}
	if got != want {
		t.Fatalf("tree digests differ at %d; the capitol has\n%vthe city\n%v", pos.Seq, dump(t, capitol), dump(t, c))
	}
	if pos.Digest != want {
		t.Fatalf("the head remembers %v, the rows add up to %v", pos.Digest, want)
	}
}

func TestCatchUpTellsEachChangedNodeOnce(t *testing.T) {
	j := MustNew(t)
	start := MustAppend(t, j, file(2, 1, "f", 0), file(3, 1, "g", 0), dir(4, 1, "d"))
	for i := byte(1); i < 100; i++ {
		MustAppend(t, j, file(2, 1, "f", i))
	}
	MustAppend(t, j, gone(3), file(5, 4, "e", 1))
	MustAppend(t, j, gone(4))
	chunk, err := j.Follow(start.Seq, nil).Next(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range chunk.Entries {
		told = append(told, fmt.Sprint(e.Change.Node.ID, e.Change.Gone))
	}
	if want := "[2 false 5 true 3 true 4 true]"; fmt.Sprint(told) != want || !chunk.Done {
		t.Errorf("told %v, done %v; want %v, done", told, chunk.Done, want)
	}
}

// While a removed directory is held back the position stays before it, so a
// city that reconnects has what the position does not tell.
func TestReconnectWhileARemovalIsHeldBackLeavesNothingBehind(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, dir(2, 1, "d"), file(3, 1, "f", 0))
	c := city{t, MustOpen(t, journal.City, newPath(t))}
	c.full(j, 10)
	MustAppend(t, j, gone(2))
	MustAppend(t, j, file(4, 1, "born after", 1))
	MustAppend(t, j, file(3, 1, "f", 1))
	first := j.Follow(c.j.Position().Seq, nil)
	for range 2 {
		chunk, err := first.Next(ctx, 1)
		if err != nil || chunk.Done {
			t.Fatalf("the first chunks: %+v, %v", chunk, err)
		}
		c.take(chunk, chunk.Position, nil)
	}
	if _, err := c.j.Node(ctx, 4); err != nil {
		t.Fatalf("the file was not told before the connection broke: %v", err)
	}
	MustAppend(t, j, gone(4))
	c.follow(j.Follow(c.j.Position().Seq, nil), 1)
	checkEqual(t, j, c.j)
}

// A city that holds nothing reads a journal that is written to all the time: each content
// is told once, by Fill or by Follow.
func TestFillAndFollowTellNoContentTwice(t *testing.T) {
	type content struct {
		id  journal.NodeID
		seq journal.Seq
	}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			j := MustNew(t)
			m := &model{rng: rand.New(rand.NewPCG(seed, 2)), nodes: map[journal.NodeID]journal.Node{1: root().Node}, next: j.NewID}
			work := func(n int) {
				for range m.rng.IntN(n) {
					MustAppend(t, j, m.change()...)
				}
			}
			work(40)
			c := city{t, MustOpen(t, journal.City, newPath(t))}
			told := map[content]int{}
			take := func(cur *journal.Cursor) (done bool) {
				chunk, err := cur.Next(ctx, 1+m.rng.IntN(5))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range chunk.Entries {
					if !e.Change.Gone && e.Change.Node.Kind == journal.File && e.BodySeq > c.j.Position().Seq {
						told[content{e.Change.Node.ID, e.BodySeq}]++
					}
				}
				c.take(chunk, chunk.Position, nil)
				return chunk.Done
			}
			began := j.Position()
			for cur, done := j.Fill(nil), false; !done; work(6) {
				done = take(cur)
			}
			if c.j.Position() != began {
				t.Fatalf("filled up to %v, want %v, where it began", c.j.Position(), began)
			}
			for cur := j.Follow(began.Seq, nil); !take(cur); {
			}
			checkEqual(t, j, c.j)
			for what, n := range told {
				if n > 1 {
					t.Errorf("content %d of node %d was told %d times", what.seq, what.id, n)
				}
			}
		})
	}
}

// A relay's comparison names nodes that are newer than the position that it ends with.
// When they are told in their turn, who follows the relay hears of them.
func TestWhatAComparisonWasAheadOfIsLoggedInItsTurn(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, file(2, 1, "old", 1))
	empty := func() city { return city{t, MustOpen(t, journal.City, newPath(t))} }
	relay, resumes, joins := empty(), empty(), empty()
	resumes.full(j, 10)
	read := func(c city, cur *journal.Cursor, limit int) bool {
		chunk, err := cur.Next(ctx, limit)
		if err != nil {
			t.Fatal(err)
		}
		c.take(chunk, chunk.Position, nil)
		return chunk.Done
	}
	all := j.All(nil)
	read(relay, all, 1)
	MustAppend(t, j, dir(10, 1, "new"))
	MustAppend(t, j, file(11, 10, "f", 2))
	for !read(relay, all, 1) {
	}
	if _, err := relay.j.Node(ctx, 11); err != nil || relay.j.Position() != resumes.j.Position() {
		t.Fatalf("the comparison is not ahead of its position %v: %v", relay.j.Position(), err)
	}
	for fill := relay.j.Fill(nil); !read(joins, fill, 10); {
	}
	relay.follow(j.Follow(relay.j.Position().Seq, nil), 1)
	for _, c := range []city{resumes, joins} {
		c.follow(relay.j.Follow(c.j.Position().Seq, nil), 10)
		checkEqual(t, j, c.j)
	}
}

func TestScopedCursorTellsWhatEntersAndWhatLeaves(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, dir(2, 1, "a"), dir(3, 1, "b"), dir(4, 3, "deep"), file(5, 4, "x", 1), file(6, 2, "y", 1))
	c := city{t, MustOpen(t, journal.City, newPath(t))}
	scope := []string{"a"}
	for cur := j.All(scope); ; {
		chunk, err := cur.Next(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		c.take(chunk, chunk.Position, nil)
		if chunk.Done {
			break
		}
	}
	cur := j.Follow(c.j.Position().Seq, scope)
	step := func(changes ...journal.Change) {
		t.Helper()
		MustAppend(t, j, changes...)
		c.follow(cur, 2)
		want, pos, _ := j.ScopeDigest(ctx, scope)
		got, at, err := c.j.ScopeDigest(ctx, scope)
		if err != nil || got != want || pos != at {
			t.Errorf("scope digest %v at %v, want %v at %v (%v)", got, at, want, pos, err)
		}
	}
	step(file(7, 3, "outside", 1))
	step(file(7, 3, "outside", 2))
	if s, err := c.j.Node(ctx, 7); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("what is edited outside the scope was told: %+v, %v", s.Node, err)
	}
	step(dir(4, 2, "deep")) // enters with what it holds
	if got := MustPath(t, c.j, 5); got != "a/deep/x" {
		t.Errorf("path = %q, want a/deep/x", got)
	}
	step(file(8, 4, "z", 1))
	step(dir(4, 3, "deep")) // leaves
	if _, err := c.j.Path(ctx, 5); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("what left the scope is still there: %v", err)
	}
	step(dir(2, 1, "other"), dir(3, 1, "a")) // another directory takes the name
	if got := MustPath(t, c.j, 7); got != "a/outside" {
		t.Errorf("path = %q, want a/outside", got)
	}
}

// A reader that stops in the midst of a catch-up is past a move that it was not told: the node
// was changed later. It comes again, or is a relay from which another one reads.
func TestAMoveThatALaterChangeHidesIsToldAllTheSame(t *testing.T) {
	scope := []string{"in"}
	for name, relayed := range map[string]bool{"of a capitol": false, "of a relay": true} {
		t.Run(name, func(t *testing.T) {
			j := MustNew(t)
			MustAppend(t, j, dir(2, 1, "in"), dir(3, 1, "out"), dir(4, 3, "comes"), file(5, 4, "f", 1), dir(6, 2, "goes"), file(7, 6, "g", 1))
			c, relay := city{t, MustOpen(t, journal.City, newPath(t))}, city{t, MustOpen(t, journal.City, newPath(t))}
			relay.full(j, 10)
			for all := j.All(scope); ; {
				chunk, err := all.Next(ctx, 10)
				if err != nil {
					t.Fatal(err)
				}
				if c.take(chunk, chunk.Position, nil); chunk.Done {
					break
				}
			}
			MustAppend(t, j, dir(4, 2, "comes"), dir(6, 3, "goes"))
			for i := range journal.NodeID(20) {
				MustAppend(t, j, file(10+i, 2, fmt.Sprint("new", i), 1))
			}
			for _, id := range []journal.NodeID{4, 6} {
				s, err := j.Node(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				s.Node.Mode ^= 0o100
				MustAppend(t, j, journal.Change{Node: s.Node})
			}
			once := func(c city, cur *journal.Cursor) {
				t.Helper()
				chunk, err := cur.Next(ctx, 5)
				if err != nil || chunk.Done {
					t.Fatalf("the catch-up is no long one: %v", err)
				}
				c.take(chunk, chunk.Position, nil)
			}
			from := j
			if relayed {
				from = relay.j
				once(relay, j.Follow(relay.j.Position().Seq, nil))
				c.follow(from.Follow(c.j.Position().Seq, scope), 5)
				relay.follow(j.Follow(relay.j.Position().Seq, nil), 5)
			} else {
				once(c, j.Follow(c.j.Position().Seq, scope))
			}
			c.follow(from.Follow(c.j.Position().Seq, scope).Unsure(), 5)
			want, pos, _ := j.ScopeDigest(ctx, scope)
			got, at, err := c.j.ScopeDigest(ctx, scope)
			if err != nil || got != want || pos != at {
				t.Errorf("scope digest %v at %v, want %v at %v (%v)\n%s", got, at, want, pos, err, dump(t, c.j))
			}
		})
	}
}

// A relay that was compared under other ids may be rid of what it had before only later, when
// others read its log again. The ids of that are its own.
func TestTheEndOfAStaleRowIsNobodyElsesBusiness(t *testing.T) {
	j := MustOpen(t, journal.City, newPath(t))
	at := func(seq journal.Seq) journal.Position { return journal.Position{Epoch: journal.Epoch{1}, Seq: seq} }
	record := func(pos journal.Position, changes ...journal.Change) {
		t.Helper()
		var entries []journal.Entry
		for _, c := range changes {
			entries = append(entries, journal.Entry{Seq: pos.Seq, Time: time.Now(), Change: c})
		}
		if err := j.Record(ctx, entries, pos); err != nil {
			t.Fatal(err)
		}
	}
	record(at(5), root(), file(2, 1, "old", 1))
	if err := j.Renumber(ctx); err != nil {
		t.Fatal(err)
	}
	top := root()
	top.Was = -1
	record(at(10), top, file(2, 1, "new", 1))
	record(at(11), file(3, 1, "newer", 1))
	record(at(12), gone(-2))
	chunk, err := j.Follow(10, nil).Next(ctx, 10)
	if err != nil || len(chunk.Entries) != 1 || chunk.Entries[0].Change.Node.ID != 3 || chunk.Position.Seq != 12 {
		t.Errorf("told %+v up to %v, %v", chunk.Entries, chunk.Position.Seq, err)
	}
}

// What is told again after a break is old news: it takes no row back.
func TestAnOlderEntryLeavesTheRowAsItIs(t *testing.T) {
	j := MustOpen(t, journal.City, newPath(t))
	at := func(seq journal.Seq) journal.Position { return journal.Position{Epoch: journal.Epoch{1}, Seq: seq} }
	entry := func(seq journal.Seq, c journal.Change) journal.Entry {
		return journal.Entry{Seq: seq, Time: time.Now(), Change: c}
	}
	for _, e := range []journal.Entry{entry(1, root()), entry(5, file(2, 1, "f", 5)), entry(3, file(2, 1, "f", 3)), entry(4, gone(2))} {
		if err := j.Record(ctx, []journal.Entry{e}, at(5)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := j.Node(ctx, 2); err != nil || s.Gone || s.Seq != 5 || s.Node.Body.Digest != (journal.Digest{5}) {
		t.Errorf("the row is %+v (%v), want that of entry 5", s, err)
	}
}

// dump lists the live rows with what each directory says is beneath it.
func dump(t testing.TB, j *journal.Journal) string {
	t.Helper()
	all, err := j.ScanFrom(ctx, -1<<62, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, s := range all {
		path, err := j.Path(ctx, s.Node.ID)
		if err == nil {
			text += fmt.Sprintf("%4d seq %d %v %q %o beneath %d %.4v\n", s.Node.ID, s.Seq, s.Node.Kind, path, s.Node.Mode, s.Beneath.Nodes, s.Beneath.Digest)
		}
	}
	return text
}
