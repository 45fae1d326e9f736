package chunk

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Record is what a [Store] keeps of one content.
type Record struct {
	List  List
	Marks []Mark // ascending; none if nobody hashed the content here
}

// Mark is the state of the digest's hash after the first At bytes, so that a later
// version which begins with the same chunks need not be hashed from its beginning.
// Marks are of this machine alone and never travel.
type Mark struct {
	At    int64
	State []byte
}

// MarkAt is the last mark that lies within the first n bytes.
func (r Record) MarkAt(n int64) (m Mark, ok bool) {
	if marks := r.MarksUntil(n); len(marks) > 0 {
		return marks[len(marks)-1], true
	}
	return Mark{}, false
}

// MarksUntil are those within the first n bytes.
func (r Record) MarksUntil(n int64) []Mark {
	i, _ := slices.BinarySearchFunc(r.Marks, n+1, func(m Mark, n int64) int { return cmp.Compare(m.At, n) })
	return r.Marks[:i]
}

// magic begins a record; its last byte is the layout's version.
const magic = "hychunk\x01"

// maxMarks and maxState are more than any file has; what exceeds them is damage.
const (
	maxMarks = 4 << 10
	maxState = 256
)

// encode lays a record out:
//
//	magic · grain (1) · count · {length, hash (8)}… · marks · {at, length, state}… · xxHash64 of all before (8)
//
// Numbers are uvarints, others little-endian.
func (r Record) encode() []byte {
	b := make([]byte, 0, len(magic)+32+12*len(r.List.Chunks)+128*len(r.Marks))
	b = append(b, magic...)
	b = append(b, byte(r.List.Grain))
	b = binary.AppendUvarint(b, uint64(len(r.List.Chunks)))
	b = AppendChunks(b, r.List.Chunks)
	b = binary.AppendUvarint(b, uint64(len(r.Marks)))
	for _, m := range r.Marks {
		b = binary.AppendUvarint(b, uint64(m.At))
		b = binary.AppendUvarint(b, uint64(len(m.State)))
		b = append(b, m.State...)
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// AppendChunks appends the compact form of chunks: for each its length as a
// uvarint and its hash as 8 bytes, little-endian.
func AppendChunks(b []byte, chunks []Chunk) []byte {
	for _, c := range chunks {
		b = binary.AppendUvarint(b, uint64(c.Length))
		b = binary.LittleEndian.AppendUint64(b, c.Hash)
	}
	return b
}

// shortest is what a chunk measures at least in compact form.
const shortest = 1 + 8

// ParseChunks reads so many chunks off the start of b, and returns what follows them. It
// allocates no more than b can hold.
func ParseChunks(b []byte, count uint64) ([]Chunk, []byte, error) {
	if count > MaxChunks || count > uint64(len(b)/shortest) {
		return nil, nil, fmt.Errorf("%w: %d chunks in %d bytes", ErrInvalid, count, len(b))
	}
	chunks := make([]Chunk, count)
	for i := range chunks {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > 4<<MaxGrain || len(b) < n+8 {
			return nil, nil, fmt.Errorf("%w: chunk %d", ErrInvalid, i)
		}
		chunks[i] = Chunk{binary.LittleEndian.Uint64(b[n:]), uint32(length)}
		b = b[n+8:]
	}
	return chunks, b, nil
}

func decode(b []byte) (r Record, err error) {
	bad := func(what string) (Record, error) { return Record{}, fmt.Errorf("%w: %s", ErrInvalid, what) }
	if len(b) < len(magic)+1+8 || string(b[:len(magic)]) != magic {
		return bad("no record")
	}
	sum := b[len(b)-8:]
	if b = b[:len(b)-8]; xxhash.Sum64(b) != binary.LittleEndian.Uint64(sum) {
		return bad("damaged")
	}
	r.List.Grain, b = Grain(b[len(magic)]), b[len(magic)+1:]
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return bad("count")
	}
	if r.List.Chunks, b, err = ParseChunks(b[n:], count); err != nil {
		return Record{}, err
	}
	if r.Marks, err = decodeMarks(b); err != nil {
		return Record{}, err
	}
	return r, r.List.Check(r.List.Size())
}

func decodeMarks(b []byte) ([]Mark, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > maxMarks {
		return nil, fmt.Errorf("%w: %d marks", ErrInvalid, count)
	}
	b = b[n:]
	var marks []Mark
	for range count {
		at, n := binary.Uvarint(b)
		length, k := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || k <= 0 || length > maxState || uint64(len(b)-n-k) < length {
			return nil, fmt.Errorf("%w: mark", ErrInvalid)
		}
		b = b[n+k:]
		marks = append(marks, Mark{int64(at), b[:length:length]})
		b = b[length:]
	}
	return marks, nil
}
