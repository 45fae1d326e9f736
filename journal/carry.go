package journal

import (
	"encoding/binary"
	"time"
)

// carryFormat begins every entry that [Entry.Append] wrote.
const carryFormat = 1

// Append appends an entry's bytes, for whoever keeps entries in a file of their own: all
// of it but the path, the note and what this machine's disk said of the node.
// [CutEntry] reads it back. Names may hold any bytes.
func (e *Entry) Append(b []byte) []byte {
	c := &e.Change
	gone := byte(0)
	if c.Gone {
		gone = 1
	}
	b = append(b, carryFormat, gone)
	at := int64(0)
	if !e.Time.IsZero() {
		at = e.Time.UnixNano()
	}
	b = binary.AppendVarint(b, at)
	for _, seq := range [...]Seq{e.Seq, e.BodySeq, e.PlaceSeq} {
		b = binary.AppendUvarint(b, uint64(seq))
	}
	b = append(b, e.Digest[:]...)
	for _, id := range [...]NodeID{c.Node.ID, c.Node.Parent, c.Was} {
		b = binary.AppendVarint(b, int64(id))
	}
	return appendState(appendBytes(b, c.Node.Name), &c.Node)
}

// CutEntry takes the entry off with which b begins. Every error means that b does
// not begin with one.
func CutEntry(b []byte) (e Entry, rest []byte, err error) {
	d := decoder{b: b}
	d.format(carryFormat)
	c := &e.Change
	c.Gone = d.byte() == 1
	if at := d.varint(); at != 0 {
		e.Time = time.Unix(0, at).UTC()
	}
	for _, seq := range [...]*Seq{&e.Seq, &e.BodySeq, &e.PlaceSeq} {
		*seq = Seq(d.uvarint())
	}
	copy(e.Digest[:], d.take(len(e.Digest)))
	for _, id := range [...]*NodeID{&c.Node.ID, &c.Node.Parent, &c.Was} {
		*id = NodeID(d.varint())
	}
	c.Node.Name = string(d.bytes())
	d.state(&c.Node)
	if err := d.end("entry"); err != nil {
		return Entry{}, nil, err
	}
	return e, d.b, nil
}
