package chunk

import (
	"encoding"
	"hash"
)

// markEvery is how far apart marks are: hashing so much again takes 10 ms, and of
// 1 GiB they take 7 KiB.
const markEvery = 16 << 20

// Marker hashes and marks its hash's state on the way.
type Marker struct {
	hash  hash.Hash
	at    int64
	marks []Mark
}

// NewMarker goes on with a hash (of the standard library) that has seen at bytes, whose marks
// are known.
func NewMarker(h hash.Hash, at int64, marks []Mark) *Marker {
	return &Marker{hash: h, at: at, marks: marks[:len(marks):len(marks)]}
}

// Write never fails.
func (m *Marker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(int64(len(p)), markEvery-m.at%markEvery)
		m.hash.Write(p[:take])
		p = p[take:]
		if m.at += take; m.at%markEvery == 0 && len(m.marks) < maxMarks {
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
