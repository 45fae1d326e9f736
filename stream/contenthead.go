package stream

// contentHeadMost is the longest head of a content frame: kind, encoding, map,
// four keys, two numbers, a bool, the length.
const contentHeadMost = 2 + 1 + 4 + 9 + 9 + 1 + 9

// contentHead appends what stands before the bytes of a content frame, so that
// the bytes can be read from the disk right into the message. It is what
// the codec makes of a wireContent (a test compares).
func contentHead(b []byte, request uint64, offset int64, last bool, n int) []byte {
	m := newMapping(append(b, byte(kindContent), byte(plain)))
	m.uint(1, request)
	m.int(2, offset)
	m.bool(3, last)
	m.key(4)
	return appendHead(m.b, majorBytes, uint64(n))
}
