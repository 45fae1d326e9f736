package stream

import (
	"github.com/hydrasync/hydrasync/journal"
)

// The frame that carries nodes: its CBOR form, and what it has to pass as a whole.

type wireBatch struct {
	Entries  []wireEntry  `cbor:"1,keyasint,omitempty"`
	Bodies   []wireInline `cbor:"2,keyasint,omitempty"`
	Position wirePosition `cbor:"3,keyasint"`
	Full     bool         `cbor:"4,keyasint,omitempty"`
	FullDone bool         `cbor:"5,keyasint,omitempty"`
}

type wireInline struct {
	Node   int64  `cbor:"1,keyasint"`
	Offset int64  `cbor:"2,keyasint,omitempty"`
	Bytes  []byte `cbor:"3,keyasint"`
}

// decodeBatch also checks the set as a whole: no node twice, content only for
// files of the set and exactly to their end.
func (c *codec) decodeBatch(payload []byte) (Batch, error) {
	var w wireBatch
	if err := c.decode(payload, &w); err != nil {
		return Batch{}, err
	}
	position, err := w.Position.position()
	if err != nil {
		return Batch{}, err
	}
	if w.FullDone && !w.Full {
		return Batch{}, broken("the end of a full comparison outside of one")
	}
	b := Batch{Position: position, Full: w.Full, FullDone: w.FullDone, Entries: make([]journal.Entry, len(w.Entries))}
	at := make(map[journal.NodeID]int, len(w.Entries))
	for i := range w.Entries {
		if b.Entries[i], err = w.Entries[i].entry(); err != nil {
			return Batch{}, err
		}
		id := b.Entries[i].Change.Node.ID
		if _, twice := at[id]; twice && id != 0 {
			return Batch{}, broken("node %d twice in a batch", id)
		}
		at[id] = i
	}
	return b, b.takeBodies(w.Bodies, at)
}

func (b *Batch) takeBodies(bodies []wireInline, at map[journal.NodeID]int) error {
	for _, in := range bodies {
		id := journal.NodeID(in.Node)
		i, known := at[id]
		_, twice := b.Bodies[id]
		if !known || id == 0 || twice || b.Entries[i].Change.Gone || len(in.Bytes) > MaxInline {
			return broken("content for node %d", in.Node)
		}
		n := &b.Entries[i].Change.Node
		if n.Kind != journal.File || in.Offset < 0 || in.Offset != n.Body.Size-int64(len(in.Bytes)) {
			return broken("content of node %d does not end where the file does", in.Node)
		}
		if b.Bodies == nil {
			b.Bodies = make(map[journal.NodeID]Inline, len(bodies))
		}
		b.Bodies[id] = Inline{Offset: in.Offset, Bytes: in.Bytes}
	}
	return nil
}
