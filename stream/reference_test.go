package stream

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// The frames that are written by hand, as their wire forms describe them: what
// the CBOR library makes of these is what the hand has to write.

func toBatch(b *Batch) wireBatch {
	w := wireBatch{Position: toPosition(b.Position), Full: b.Full, FullDone: b.FullDone}
	w.Entries = make([]wireEntry, len(b.Entries))
	for i := range b.Entries {
		w.Entries[i] = toEntry(&b.Entries[i])
		if in, ok := b.Bodies[b.Entries[i].Change.Node.ID]; ok {
			w.Bodies = append(w.Bodies, wireInline{Node: int64(b.Entries[i].Change.Node.ID), Offset: in.Offset, Bytes: in.Bytes})
		}
	}
	return w
}

func toEntry(e *journal.Entry) wireEntry {
	w := wireEntry{Seq: uint64(e.Seq), Time: nanos(e.Time), Path: bstr(clipLeft(e.Path, MaxEntryPath)),
		Digest: filled(e.Digest[:]), BodySeq: uint64(e.BodySeq), PlaceSeq: uint64(e.PlaceSeq)}
	switch {
	case e.Note != nil:
		w.Note = &wireNote{Kind: uint8(e.Note.Kind), Since: nanos(e.Note.Since), Text: bstr(clip(e.Note.Text, MaxText))}
	case e.Change.Gone:
		w.Gone = int64(e.Change.Node.ID)
	default:
		w.Node = toNode(&e.Change.Node)
	}
	return w
}

func toNode(n *journal.Node) *wireNode {
	w := &wireNode{ID: int64(n.ID), Parent: int64(n.Parent), Name: bstr(n.Name), Kind: uint8(n.Kind), Mode: n.Mode,
		UID: n.UID, GID: n.GID, Sec: n.MTime.Sec, Nsec: n.MTime.Nsec, Generation: n.Body.Generation, Size: n.Body.Size,
		Digest: filled(n.Body.Digest[:]), Target: bstr(n.Target), Link: int64(n.Link)}
	for _, x := range n.Xattrs {
		w.Xattrs = append(w.Xattrs, wireXattr{Name: bstr(x.Name), Value: x.Value})
	}
	return w
}

// shelf is a source of bytes; what it does not have has moved on.
type shelf map[journal.NodeID][]byte

func (s shelf) Open(context.Context, journal.Node) (Body, error) { return nil, errors.New("not asked") }

func (s shelf) Read(_ context.Context, n journal.Node, _ string, b []byte, off int64) error {
	content, ok := s[n.ID]
	if !ok {
		return ErrMoved
	}
	copy(b, content[off:])
	return nil
}

// someEntry is any of what an entry can be, with numbers of every length.
func someEntry(r *rand.Rand, id journal.NodeID) journal.Entry {
	number := func() int64 { return r.Int64() >> r.IntN(64) }
	text := func(most int) string { return string(make([]byte, r.IntN(most))) }
	e := journal.Entry{Seq: journal.Seq(1 + number()), Path: text(300), BodySeq: journal.Seq(number()), PlaceSeq: journal.Seq(number())}
	if r.IntN(2) == 0 {
		e.Time = time.Unix(0, r.Int64()-1<<62).UTC()
		e.Digest[r.IntN(32)] = byte(r.Uint32())
	}
	n := &e.Change.Node
	switch n.ID = id; r.IntN(8) {
	case 0:
		e.Change = journal.Change{}
		e.Note = &journal.Note{Kind: journal.NoteKind(r.IntN(30)), Text: text(MaxText + 30), Since: e.Time}
		return e
	case 1:
		e.Change.Gone = true
		return e
	}
	n.Parent, n.Name, n.Kind = journal.NodeID(number()), text(255), journal.Kind(1+r.IntN(3))
	n.Mode, n.UID, n.GID = uint32(number())&0o7777, uint32(number()), uint32(number())
	n.MTime = journal.Time{Sec: number() - 1<<40, Nsec: int32(number()) & 0xfffffff}
	n.Target, n.Link = text(30), journal.NodeID(number())
	n.Body = journal.Content{Generation: uint64(number()), Size: number()}
	n.Body.Digest[r.IntN(32)] = byte(r.Uint32())
	for range r.IntN(4) {
		n.Xattrs = append(n.Xattrs, journal.Xattr{Name: text(40), Value: []byte(text(300))})
	}
	return e
}

// someParts is a part with content on its shelf, and the batch that it should become.
func someParts(r *rand.Rand) (*part, shelf, Batch) {
	p := &part{position: somePosition(), full: r.IntN(2) == 0, fullDone: r.IntN(2) == 0}
	if r.IntN(4) == 0 {
		p.position = journal.Position{}
	}
	for i := range r.IntN(1 << r.IntN(8)) {
		p.entries = append(p.entries, someEntry(r, journal.NodeID(i+1)))
	}
	on, b := shelf{}, Batch{Bodies: map[journal.NodeID]Inline{}, Position: p.position, Full: p.full, FullDone: p.fullDone}
	for i := range p.entries {
		e := &p.entries[i]
		n := &e.Change.Node
		inline := e.Note == nil && !e.Change.Gone && r.IntN(3) == 0
		var offset int64
		if inline {
			offset = int64(r.IntN(1 << r.IntN(18)))
			n.Body.Size = offset + 1 + int64(r.IntN(1<<r.IntN(10)))
			if r.IntN(8) != 0 {
				on[n.ID] = make([]byte, n.Body.Size)
				for k := range on[n.ID] {
					on[n.ID][k] = byte(r.Uint32())
				}
				b.Bodies[n.ID] = Inline{Offset: offset, Bytes: on[n.ID][offset:]}
			}
		}
		p.add(e, offset, inline)
	}
	b.Entries = p.entries
	return p, on, b
}

func TestBatchesByHandAreBatchesByCBOR(t *testing.T) {
	c := mustCodec(t)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		p, on, b := someParts(r)
		got, err := p.message(context.Background(), &tree{Tree: Tree{Source: on}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := c.pack(kindBatch, toBatch(&b))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d: %d entries, %d of %d bodies: got %d bytes, want %d", round, len(b.Entries), len(b.Bodies), len(p.bodies), len(got), len(want))
		}
		if most := batchHead + p.weight; len(got) > most {
			t.Errorf("round %d: %d bytes, weighed %d", round, len(got), most)
		}
	}
}
