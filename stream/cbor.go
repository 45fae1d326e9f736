package stream

import "encoding/binary"

// What is sent by the thousand is written by hand: the maps of a batch and the
// head of a content frame. The wire forms beside the decoders stay the
// description of the wire; tests compare, byte for byte.

// appendHead is a CBOR item's first bytes: its major type and a number in its
// shortest form (RFC 8949, 3).
func appendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v < 1<<8:
		return append(b, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

// The major types that this package sends, in place.
const (
	majorBytes = 2 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
)

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, 1<<5, uint64(-1-v))
	}
	return appendHead(b, 0, uint64(v))
}

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// mapping is a map of fewer than 24 pairs on its way into b. Its keys are
// below 24 too, and come in ascending order.
type mapping struct {
	b    []byte
	head int // where in b the map begins
}

func newMapping(b []byte) mapping { return mapping{append(b, majorMap), len(b)} }

// key begins a pair; the caller appends its value to m.b.
func (m *mapping) key(k byte) {
	m.b[m.head]++
	m.b = append(m.b, k)
}

// The rest leave zero values out.

func (m *mapping) uint(k byte, v uint64) {
	if v != 0 {
		m.key(k)
		m.b = appendHead(m.b, 0, v)
	}
}

func (m *mapping) int(k byte, v int64) {
	if v != 0 {
		m.key(k)
		m.b = appendInt(m.b, v)
	}
}

func (m *mapping) bool(k byte, v bool) {
	if v {
		m.key(k)
		m.b = append(m.b, 0xf5)
	}
}

func (m *mapping) text(k byte, v string) {
	if v != "" {
		m.key(k)
		m.b = appendBytes(m.b, v)
	}
}

func (m *mapping) fixed(k byte, v []byte) {
	if v := filled(v); v != nil {
		m.key(k)
		m.b = appendBytes(m.b, v)
	}
}
