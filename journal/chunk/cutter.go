package chunk

import (
	"io"

	"github.com/cespare/xxhash/v2"
)

// Cutter makes the list of a content that is written to it in order, in pieces of any
// length. It is for one goroutine. What it allocates is its list.
type Cutter struct {
	grain  Grain
	chunks []Chunk
	h      uint64
	n      int // bytes of the chunk under way
	sum    xxhash.Digest
	size   int64 // of all finished chunks

	guess guess
}

// NewCutter begins a content at a grain.
func NewCutter(g Grain) *Cutter {
	c := &Cutter{grain: g}
	c.sum.Reset()
	return c
}

// Resume begins with the first n chunks of an older list, for a content that begins with
// their bytes: the first byte to write is at from. The older list's last chunk does not count,
// because it ends where that content ended.
func Resume(l List, n int) (c *Cutter, from int64) {
	c = NewCutter(l.Grain)
	known := l.before()
	known = known[:min(n, len(known))]
	c.chunks = append(make([]Chunk, 0, len(l.Chunks)+1), known...)
	c.size = List{Chunks: c.chunks}.Size()
	return c, c.size
}

// Write takes the next bytes. It fails only with the error of a predicted content's
// reader, see [Cutter.Predict].
func (c *Cutter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if c.guess.on {
			k, err := c.compare(p)
			if err != nil {
				return total - len(p), err
			}
			p = p[k:]
			continue
		}
		p = p[c.judge(p):]
	}
	return total, nil
}

// judge takes bytes of one chunk, ends it if one of them says so, and says how many it took.
func (c *Cutter) judge(p []byte) int {
	k, found := c.scan(p)
	_, _ = c.sum.Write(p[:k])
	c.n += k
	if found {
		c.end()
	}
	return k
}

// scan looks for the border in what may still belong to the chunk.
func (c *Cutter) scan(p []byte) (k int, found bool) {
	take := func(upto int) []byte { return p[k:min(len(p), max(k, upto-c.n))] }
	k += len(take(c.grain.min() - window))
	rolled := take(c.grain.min() - 1)
	c.h = warm(c.h, rolled)
	k += len(rolled)
	var n int
	for _, zone := range [...]struct {
		upto  int
		below uint64
	}{{c.grain.usual(), c.grain.rarely()}, {c.grain.max(), c.grain.often()}} {
		if n, c.h, found = seek(c.h, take(zone.upto), zone.below); found {
			return k + n, true
		}
		k += n
	}
	return k, c.n+k == c.grain.max()
}

func (c *Cutter) end() {
	c.emit(Chunk{c.sum.Sum64(), uint32(c.n)})
}

func (c *Cutter) emit(k Chunk) {
	c.chunks = append(c.chunks, k)
	c.size += int64(k.Length)
	c.h, c.n = 0, 0
	c.sum.Reset()
	c.guess.after(k)
}

// List ends the content. The cutter is of no use afterwards.
func (c *Cutter) List() (List, error) {
	if c.guess.on && c.n > 0 {
		if err := c.rejudge(); err != nil {
			return List{}, err
		}
	}
	if c.n > 0 {
		c.end()
	}
	return List{c.grain, c.chunks}, nil
}

// Cut makes the list of size bytes of r from their beginning, with buf for reading.
func Cut(r io.Reader, g Grain, buf []byte) (List, error) {
	c := NewCutter(g)
	if _, err := io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, buf); err != nil {
		return List{}, err
	}
	return c.List()
}
