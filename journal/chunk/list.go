package chunk

import (
	"errors"
	"fmt"
)

// Chunk is one piece of a content.
type Chunk struct {
	Hash   uint64 // xxHash64 of its bytes
	Length uint32 // bytes
}

// List is a content as chunks, in order.
type List struct {
	Grain  Grain
	Chunks []Chunk
}

// ErrInvalid is wrapped by every refusal of a list.
var ErrInvalid = errors.New("not a chunk list")

// Size is the content's, in bytes.
func (l List) Size() (size int64) {
	for _, c := range l.Chunks {
		size += int64(c.Length)
	}
	return size
}

// Check refuses what no cutter makes of a content of this size. It is the gate for
// lists of a peer; what passes may still be wrong about the bytes.
func (l List) Check(size int64) error {
	switch {
	case size <= 0 || size > MaxSize:
		return fmt.Errorf("%w: of %d bytes", ErrInvalid, size)
	case !l.Grain.fits(size):
		return fmt.Errorf("%w: grain %d for %d bytes", ErrInvalid, l.Grain, size)
	case len(l.Chunks) == 0 || len(l.Chunks) > MaxChunks:
		return fmt.Errorf("%w: %d chunks", ErrInvalid, len(l.Chunks))
	}
	last := len(l.Chunks) - 1
	for i, c := range l.Chunks {
		if c.Length == 0 || int64(c.Length) > int64(l.Grain.max()) || i < last && int(c.Length) < l.Grain.min() {
			return fmt.Errorf("%w: chunk %d of %d bytes", ErrInvalid, i, c.Length)
		}
	}
	if sum := l.Size(); sum != size {
		return fmt.Errorf("%w: of %d bytes, want %d", ErrInvalid, sum, size)
	}
	return nil
}

// before is the list without its last chunk, which ends where the content
// ends and not where the bytes say.
func (l List) before() []Chunk { return l.Chunks[:max(len(l.Chunks)-1, 0)] }
