package stream

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hydrasync/hydrasync/journal"
)

// model is a city in miniature: node states, and how many bytes of which
// generation it holds.
type model struct {
	nodes map[journal.NodeID]journal.Node
	held  map[journal.NodeID]journal.Content
	dead  map[journal.NodeID]bool // ids are never used again
	pos   journal.Position
}

func newModel() *model {
	return &model{nodes: map[journal.NodeID]journal.Node{}, held: map[journal.NodeID]journal.Content{}, dead: map[journal.NodeID]bool{}}
}

// apply reports what arrives before its parent.
func (m *model) apply(b Batch) error {
	for i := range b.Entries {
		e := &b.Entries[i]
		n := e.Change.Node
		switch {
		case e.Note != nil:
		case e.Change.Gone:
			delete(m.nodes, n.ID)
			m.dead[n.ID] = true
		default:
			if _, ok := m.nodes[n.Parent]; !ok && n.Parent != journal.Root {
				return fmt.Errorf("node %d before its parent %d", n.ID, n.Parent)
			}
			m.nodes[n.ID] = n
			if in, ok := b.Bodies[n.ID]; ok {
				held := m.held[n.ID]
				if in.Offset > 0 && (held.Generation != n.Body.Generation || held.Size < in.Offset) {
					return fmt.Errorf("node %d: a tail at %d, %d bytes of generation %d are held", n.ID, in.Offset, held.Size, held.Generation)
				}
				if in.Offset+int64(len(in.Bytes)) != n.Body.Size {
					return fmt.Errorf("node %d: content ends at %d of %d", n.ID, in.Offset+int64(len(in.Bytes)), n.Body.Size)
				}
				m.held[n.ID] = n.Body
			}
		}
	}
	m.pos = b.Position
	return nil
}

// drawBatch makes what an honest capitol could send next to a city that is like now.
func drawBatch(t *rapid.T, now *model, seq *journal.Seq) Batch {
	b := Batch{Bodies: map[journal.NodeID]Inline{}}
	used := map[journal.NodeID]bool{}
	for range rapid.IntRange(1, 6).Draw(t, "entries") {
		id := journal.NodeID(rapid.IntRange(2, 9).Draw(t, "node"))
		if used[id] || now.dead[id] {
			continue
		}
		used[id] = true
		*seq++
		old, known := now.nodes[id]
		kind := journal.File
		if id < 5 {
			kind = journal.Dir
		}
		e := journal.Entry{Seq: *seq, Change: journal.Change{Node: journal.Node{ID: id, Parent: journal.Root, Name: "n", Kind: kind}}}
		n := &e.Change.Node
		if p := journal.NodeID(rapid.IntRange(1, 4).Draw(t, "parent")); p != id && p < id {
			if _, ok := now.nodes[p]; ok {
				n.Parent = p
			}
		}
		if known && kind == journal.File && rapid.Bool().Draw(t, "gone") {
			e.Change = journal.Change{Gone: true, Node: journal.Node{ID: id}}
		} else if kind == journal.File {
			drawBody(t, n, old.Body, now.held[id], &b)
		}
		b.Entries = append(b.Entries, e)
		one := Batch{Entries: b.Entries[len(b.Entries)-1:], Bodies: b.Bodies}
		if err := now.apply(one); err != nil {
			t.Fatalf("the generator is wrong: %v", err)
		}
	}
	b.Position.Seq = *seq
	now.pos = b.Position
	return b
}

func drawBody(t *rapid.T, n *journal.Node, old, held journal.Content, b *Batch) {
	grow := int64(rapid.IntRange(1, 5).Draw(t, "bytes"))
	switch rapid.IntRange(0, 3).Draw(t, "content") {
	case 0: // only the state
		n.Body = old
	case 1: // new, inline
		n.Body = journal.Content{Generation: old.Generation + held.Generation + 1, Size: grow}
		b.Bodies[n.ID] = Inline{Bytes: make([]byte, grow)}
	case 2: // grown, its tail inline
		n.Body = journal.Content{Generation: old.Generation, Size: old.Size + grow}
		if held != old {
			return
		}
		b.Bodies[n.ID] = Inline{Offset: old.Size, Bytes: make([]byte, grow)}
	case 3: // new, to be asked for
		n.Body = journal.Content{Generation: old.Generation + held.Generation + 1, Size: grow}
	}
}

func TestBatchesThatWaitTogetherAreWorthTheSameAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, seq := newModel(), journal.Seq(0)
		before := drawBatch(t, now, &seq)
		apart, together := newModel(), newModel()
		if apart.apply(before) != nil || together.apply(before) != nil {
			t.Fatal("the first batch does not apply")
		}
		var group []Batch
		for range rapid.IntRange(2, 5).Draw(t, "batches") {
			b := drawBatch(t, now, &seq)
			group = append(group, b)
			if err := apart.apply(b); err != nil {
				t.Fatal(err)
			}
		}
		one := join(group)
		if err := together.apply(one); err != nil {
			t.Fatalf("joined: %v", err)
		}
		if !reflect.DeepEqual(apart.nodes, together.nodes) || apart.pos != together.pos {
			t.Fatalf("apart %+v\ntogether %+v", apart, together)
		}
		for id, n := range apart.nodes {
			if apart.held[id] == n.Body && n.Body.Size > 0 && together.held[id] != n.Body {
				t.Fatalf("node %d: its content was lost in joining", id)
			}
		}
		seen := map[journal.NodeID]bool{}
		for _, e := range one.Entries {
			if seen[e.Change.Node.ID] {
				t.Fatalf("node %d twice", e.Change.Node.ID)
			}
			seen[e.Change.Node.ID] = true
		}
	})
}

func TestWhatIsAppliedTogether(t *testing.T) {
	at := func(seq journal.Seq) journal.Position { return journal.Position{Epoch: journal.Epoch{1}, Seq: seq} }
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	batch := func(b Batch) item {
		message, err := c.pack(kindBatch, toBatch(&b))
		if err != nil {
			t.Fatal(err)
		}
		return item{payload: message[2:]}
	}
	beat := func(seq journal.Seq) item { return item{beat: &Beat{Position: at(seq)}} }
	for name, row := range map[string]struct {
		items []item
		want  string // of each take: batches in it, or "beat"
	}{
		"batches":                         {[]item{batch(Batch{Position: at(1)}), batch(Batch{Position: at(2)})}, "2"},
		"a beat that something overtakes": {[]item{batch(Batch{Position: at(1)}), beat(1), batch(Batch{Position: at(2)})}, "2"},
		"a beat at the end":               {[]item{batch(Batch{Position: at(1)}), beat(1)}, "1 beat"},
		"two beats":                       {[]item{beat(1), beat(1)}, "beat"},
		"a comparison and what follows":   {[]item{batch(Batch{Full: true}), batch(Batch{Full: true, FullDone: true, Position: at(3)}), batch(Batch{Position: at(4)})}, "2 1"},
		"a part without position":         {[]item{batch(Batch{Position: at(1)}), batch(Batch{}), batch(Batch{Position: at(2)})}, "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(MinWindow)
			for _, it := range row.items {
				if err := q.put(it); err != nil {
					t.Fatal(err)
				}
			}
			q.close()
			var got []string
			p := preparer{queue: q, codec: c, credit: func(int64) {}}
			for {
				group, beat, err := p.group(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if group == nil && beat == nil {
					break
				}
				if beat != nil {
					got = append(got, "beat")
				} else {
					got = append(got, strconv.Itoa(len(group)))
				}
			}
			if got := strings.Join(got, " "); got != row.want || q.bytes != 0 {
				t.Errorf("got %q with %d bytes left, want %q", got, q.bytes, row.want)
			}
		})
	}
}

func TestCreditIsToldByTheStep(t *testing.T) {
	c := mustCodec(t)
	var told []int64
	p := preparer{codec: c, step: 100, credit: func(consumed int64) { told = append(told, consumed) }}
	message, err := c.pack(kindBatch, toBatch(&Batch{Position: journal.Position{Epoch: journal.Epoch{1}, Seq: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	payload := message[2:]
	most := int64(0)
	for sent := int64(0); sent < 1000; {
		if _, err := p.decode(item{payload: payload}); err != nil {
			t.Fatal(err)
		}
		sent += int64(len(payload))
		if n := len(told); n > 0 {
			most = max(most, sent-told[n-1])
		}
	}
	if len(told) < 2 || len(told) > 10 || most >= p.step {
		t.Errorf("told %v; up to %d bytes were not told", told, most)
	}
}

func TestACutChunkLeavesNothingOlderBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c journal.Chunk
		for i := range rapid.IntRange(1, 60).Draw(t, "entries") {
			e := journal.Entry{Seq: journal.Seq(i + 1), Digest: journal.Digest{1}}
			if rapid.IntRange(0, 9).Draw(t, "early") == 0 {
				e.Seq += journal.Seq(rapid.IntRange(1, 20).Draw(t, "ahead")) // a parent, told before its turn
			}
			e.Change.Node = journal.Node{ID: journal.NodeID(i + 2), Kind: journal.File, Body: journal.Content{Size: MaxInline}}
			c.Entries = append(c.Entries, e)
		}
		whole := c.Entries
		c.Position = journal.Position{Epoch: journal.Epoch{1}, Seq: journal.Seq(len(whole)), Digest: journal.Digest{9}}
		end := c.Position
		rest := cut(&c)
		left := whole[len(c.Entries):]
		early := slices.ContainsFunc(c.Entries, func(e journal.Entry) bool { return e.Seq > c.Position.Seq })
		switch {
		case len(rest.Entries) == 0 && (early || len(left) == 0):
		case early || len(rest.Entries) != len(left) || rest.Position != end:
			t.Fatalf("of %d entries %d are told and %d kept, up to %v; early %v", len(whole), len(c.Entries), len(rest.Entries), rest.Position, early)
		}
		for _, e := range left {
			if e.Seq <= c.Position.Seq {
				t.Fatalf("entry %d is left out, the position is %d", e.Seq, c.Position.Seq)
			}
		}
		if len(c.Entries) == len(whole) && c.Position != end {
			t.Fatalf("nothing is left out, but the position is %v", c.Position)
		}
		if len(whole) > 40 && len(c.Entries) == len(whole) {
			t.Logf("a chunk of %d was not cut", len(whole))
		}
	})
}
