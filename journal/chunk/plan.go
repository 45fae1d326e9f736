package chunk

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Span is a range of a wanted content: bytes [To, To+Length) of it are bytes
// [From, From+Length) of the content that is there, or zeros, or have to be fetched.
type Span struct {
	To, From, Length int64
	Way              Way
}

// Way is how a span is to be had.
type Way uint8

// The ways.
const (
	Copy Way = iota
	Zero
	Fetch
)

// Plan says where the bytes of want come from, in order and in ranges as long as
// possible. Neither list has to be true.
func Plan(have, want List) []Span {
	index := make(map[Chunk]int64, len(have.Chunks))
	var at int64
	for _, c := range have.Chunks {
		if _, known := index[c]; !known {
			index[c] = at
		}
		at += int64(c.Length)
	}
	follows := followers(have, index)
	var spans []Span
	var to int64
	zero := want.zero()
	for _, c := range want.Chunks {
		s := Span{To: to, Length: int64(c.Length), Way: Fetch}
		to += s.Length
		if from, known := index[c]; known && have.Grain == want.Grain {
			s.From, s.Way = from, Copy
		} else if c == zero {
			s.Way = Zero
		}
		spans = follows.join(spans, s, c)
	}
	return spans
}

// follower knows which chunk begins where in the content that is there.
type follower map[int64]Chunk

// followers is needed for chunks that occur more than once: the one that goes on
// where the last range ended is a better source than the first.
func followers(have List, index map[Chunk]int64) follower {
	f := make(follower)
	var at int64
	for _, c := range have.Chunks {
		if index[c] != at {
			f[at] = c
		}
		at += int64(c.Length)
	}
	return f
}

// join adds a span, to the last one if it goes on there.
func (f follower) join(spans []Span, s Span, c Chunk) []Span {
	if len(spans) == 0 {
		return append(spans, s)
	}
	last := &spans[len(spans)-1]
	end := last.From + last.Length
	switch {
	case last.Way != s.Way, s.Way == Copy && end != s.From && f[end] != c:
		return append(spans, s)
	}
	last.Length += s.Length
	return spans
}

// zero is the chunk that a long run of zeros consists of: no byte of it ends one, so it
// is as long as can be. The zero Chunk if the list has none of that length.
func (l List) zero() Chunk {
	longest := uint32(l.Grain.max())
	if !slices.ContainsFunc(l.Chunks, func(c Chunk) bool { return c.Length == longest }) {
		return Chunk{}
	}
	var sum xxhash.Digest
	sum.Reset()
	var zeros [16 << 10]byte
	for left := int(longest); left > 0; left -= len(zeros) {
		_, _ = sum.Write(zeros[:min(left, len(zeros))])
	}
	return Chunk{sum.Sum64(), longest}
}

// Missing is how many bytes of a plan have to be fetched.
func Missing(spans []Span) (bytes int64) {
	for _, s := range spans {
		if s.Way == Fetch {
			bytes += s.Length
		}
	}
	return bytes
}
