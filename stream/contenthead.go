package stream

import "encoding/binary"

// contentHeadMost is the longest head of a content frame: kind, encoding, map,
// four keys, two numbers, a bool, the length.
const contentHeadMost = 2 + 1 + 4 + 9 + 9 + 1 + 9

// contentHead appends what stands before the bytes of a content frame, so that
// the bytes can be read from the disk right into the message. It is what
// the codec makes of a wireContent (a test compares).
func contentHead(b []byte, request uint64, offset int64, last bool, n int) []byte {
	pairs := byte(2)
	if offset != 0 {
		pairs++
	}
	if last {
		pairs++
	}
	b = append(b, byte(kindContent), byte(plain), 0xa0|pairs, 1)
	b = appendHead(b, 0, request)
	if offset != 0 {
		b = appendHead(append(b, 2), 0, uint64(offset))
	}
	if last {
		b = append(b, 3, 0xf5)
	}
	return appendHead(append(b, 4), 2<<5, uint64(n))
}

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
