package chunk

import "math/bits"

// Grain is the usual length of a chunk, as a power of two. Lists of different
// grains have nothing in common.
type Grain uint8

const (
	// MinGrain is 16 KiB: at 12 bytes a chunk, smaller ones make a list that
	// costs more than it saves.
	MinGrain Grain = 14
	// MaxGrain is 128 MiB; see MaxSize.
	MaxGrain Grain = 27
	// usualCount is how many chunks a content has at most, about, before the
	// grain doubles. A list then measures 150 KiB on the wire at most, and of a
	// file of 1 GiB, whose grain is 128 KiB, one edit costs as little. It is no
	// power of two, so that contents of round sizes do not lie on a border.
	usualCount = 12 << 10
	// MaxChunks is the most that a list has: the usual number, as far above as a
	// predicted list may be, of shortest chunks.
	MaxChunks = 64 << 10
	// MinSize is the smallest content that is worth a list.
	MinSize = 1 << 20
	// MaxSize is the largest that has one: usualCount chunks of MaxGrain.
	MaxSize = usualCount << MaxGrain
)

// GrainOf is the grain for contents of a size in bytes, [MinSize] to [MaxSize].
func GrainOf(size int64) Grain {
	g := Grain(bits.Len64(uint64(max(size, 1)-1) / usualCount))
	return min(max(g, MinGrain), MaxGrain)
}

// For is the grain for a content of this size after one of grain g.
func (g Grain) For(size int64) Grain {
	if g.fits(size) {
		return g
	}
	return GrainOf(size)
}

// fits says whether a content of this size may stay at the grain: a file that
// grows or shrinks a little keeps what its lists have in common.
func (g Grain) fits(size int64) bool {
	usual := GrainOf(size)
	return g >= MinGrain && g <= MaxGrain && g+1 >= usual && g <= usual+1
}

// The lengths of a chunk in bytes. The last one may be shorter than min.
func (g Grain) min() int   { return 1 << (g - 1) }
func (g Grain) usual() int { return 1 << g }
func (g Grain) max() int   { return 4 << g }

// rarely and often are the thresholds before and after the usual length: a
// byte ends a chunk with a chance of one in 2×usual, or in usual÷4.
func (g Grain) rarely() uint64 { return 1 << (64 - (g + 1)) }
func (g Grain) often() uint64  { return 1 << (64 - (g - 2)) }
