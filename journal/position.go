package journal

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Seq orders the entries of one journal's life, from 1, without gaps.
// Zero means "before the first entry". A Seq without its Epoch means nothing.
type Seq uint64

// ParseSeq reads what [Seq.String] wrote, or any decimal number.
func ParseSeq(s string) (Seq, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("parse seq %q: want a decimal number", s)
	}
	return Seq(n), nil
}

// String is decimal, padded so that text sorts as the value does.
func (s Seq) String() string { return fmt.Sprintf("%012d", uint64(s)) }

// IsZero says that no entry is meant.
func (s Seq) IsZero() bool { return s == 0 }

// Epoch is the identity of one journal's life: random, new when the journal is
// created, rebuilt or restored.
type Epoch [16]byte

// ParseEpoch reads what [Epoch.String] wrote.
func ParseEpoch(s string) (e Epoch, err error) {
	if err := parseHex(e[:], s); err != nil {
		return Epoch{}, fmt.Errorf("parse epoch: %w", err)
	}
	return e, nil
}

// String is 32 hexadecimal digits.
func (e Epoch) String() string { return hex.EncodeToString(e[:]) }

// IsZero says that there is no epoch yet.
func (e Epoch) IsZero() bool { return e == Epoch{} }

// Digest is 32 bytes: the SHA-256 of a file's bytes, or a tree digest, which is
// the sum of a SHA-256 over every node's state and so does not depend on order.
type Digest [32]byte

// ParseDigest reads what [Digest.String] wrote.
func ParseDigest(s string) (d Digest, err error) {
	if err := parseHex(d[:], s); err != nil {
		return Digest{}, fmt.Errorf("parse digest: %w", err)
	}
	return d, nil
}

// String is 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero says that there is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// Plus adds lane by lane: four 64-bit little-endian numbers, each modulo 2^64.
// Addition commutes, so a tree digest is the same in whatever order the nodes
// were added, and [Digest.Minus] takes one away again without a walk.
func (d Digest) Plus(o Digest) Digest {
	for i := 0; i < len(d); i += 8 {
		binary.LittleEndian.PutUint64(d[i:], binary.LittleEndian.Uint64(d[i:])+binary.LittleEndian.Uint64(o[i:]))
	}
	return d
}

// Minus undoes [Digest.Plus].
func (d Digest) Minus(o Digest) Digest {
	for i := 0; i < len(d); i += 8 {
		binary.LittleEndian.PutUint64(d[i:], binary.LittleEndian.Uint64(d[i:])-binary.LittleEndian.Uint64(o[i:]))
	}
	return d
}

// Position is what a city resumes from and what equality is proven with: the
// journal's life, the last entry, and the tree digest that the capitol
// remembers with that entry. A rolled-back or foreign journal has another
// digest, or none, at the same Seq.
type Position struct {
	Epoch  Epoch
	Seq    Seq
	Digest Digest
}

// ParsePosition reads what [Position.String] wrote.
func ParsePosition(s string) (p Position, err error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return Position{}, fmt.Errorf("parse position %q: want epoch/seq/digest", s)
	}
	if p.Epoch, err = ParseEpoch(parts[0]); err != nil {
		return Position{}, err
	}
	if p.Seq, err = ParseSeq(parts[1]); err != nil {
		return Position{}, err
	}
	p.Digest, err = ParseDigest(parts[2])
	return p, err
}

// String is epoch/seq/digest; within one epoch text sorts as the value does.
func (p Position) String() string {
	return p.Epoch.String() + "/" + p.Seq.String() + "/" + p.Digest.String()
}

// IsZero says that nothing has been confirmed yet.
func (p Position) IsZero() bool { return p == Position{} }

func parseHex(into []byte, s string) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(into) {
		return fmt.Errorf("%q is not %d hexadecimal digits", s, 2*len(into))
	}
	copy(into, b)
	return nil
}
