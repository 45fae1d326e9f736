package journal

import (
	"crypto/sha256"
	"encoding/binary"
)

// Sum adds up nodes without regard to order: their tree digest, how many they
// are, and the bytes of their files. Every directory keeps the Sum of all that
// is beneath it.
type Sum struct {
	Digest Digest
	Nodes  int64
	Bytes  int64
}

// Plus adds; it commutes.
func (s Sum) Plus(o Sum) Sum {
	return Sum{s.Digest.Plus(o.Digest), s.Nodes + o.Nodes, s.Bytes + o.Bytes}
}

// Minus undoes Plus.
func (s Sum) Minus(o Sum) Sum {
	return Sum{s.Digest.Minus(o.Digest), s.Nodes - o.Nodes, s.Bytes - o.Bytes}
}

// SumOf is one node's own part: the SHA-256 over its id, its parent's id, its
// name and its state, as one and counted once. Because ids and not paths are
// hashed, moving a directory changes the part of one node only. A stale node
// (see [Journal.Renumber]) is counted, but has no part in the digest.
func SumOf(n *Node) Sum {
	var buf [512]byte
	return sumOf(n, appendState(buf[:0], n))
}

func sumOf(n *Node, state []byte) Sum {
	var buf [1024]byte
	if n.ID < 0 {
		return Sum{Nodes: 1, Bytes: n.Body.Size}
	}
	b := binary.AppendUvarint(buf[:0], uint64(n.ID))
	b = binary.AppendUvarint(b, uint64(n.Parent))
	b = appendBytes(b, n.Name)
	b = append(b, state...)
	return Sum{sha256.Sum256(b), 1, n.Body.Size}
}

func appendSum(b []byte, s Sum) []byte {
	b = append(b, s.Digest[:]...)
	b = binary.AppendVarint(b, s.Nodes)
	return binary.AppendVarint(b, s.Bytes)
}

func (d *decoder) sum() (s Sum) {
	copy(s.Digest[:], d.take(len(s.Digest)))
	s.Nodes, s.Bytes = d.varint(), d.varint()
	return s
}
