package chunk

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// What tests need of the inside.

func (s *Store) Bound(most int64) { s.most = most }

func Encode(r Record) []byte          { return r.encode() }
func Decode(b []byte) (Record, error) { return decode(b) }

// Seal puts the right checksum on bytes, so that a fuzzer gets past it.
func Seal(b []byte) []byte {
	if len(b) >= 8 {
		b = b[:len(b)-8]
	}
	return binary.LittleEndian.AppendUint64(b[:len(b):len(b)], xxhash.Sum64(b))
}
