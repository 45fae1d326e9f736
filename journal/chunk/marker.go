package chunk

import (
	"encoding"
	"hash"
)

// markEvery is how far apart marks are, in bytes: as much as 64 usual chunks. They
// take a tenth of a record then, and hashing so much again less than a hundredth of the content.
func (g Grain) markEvery() int64 { return 64 << g }

// Marker hashes and marks its hash's state on the way.
type Marker struct {
	hash  hash.Hash
	at    int64
	every int64
	marks []Mark
}

// NewMarker goes on with a hash (of the standard library) that has seen at bytes, whose marks
// are known. The grain says how many more it leaves.
func NewMarker(h hash.Hash, at int64, marks []Mark, g Grain) *Marker {
	return &Marker{hash: h, at: at, every: g.markEvery(), marks: marks[:len(marks):len(marks)]}
}

// Write never fails.
func (m *Marker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(int64(len(p)), m.every-m.at%m.every)
		m.hash.Write(p[:take])
		p = p[take:]
		if m.at += take; m.at%m.every == 0 && len(m.marks) < maxMarks {
			m.mark()
		}
	}
	return n, nil
}

func (m *Marker) mark() {
	if state, err := m.hash.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
		m.marks = append(m.marks, Mark{m.at, state})
	}
}

// Marks are those so far, ascending.
func (m *Marker) Marks() []Mark { return m.marks }
