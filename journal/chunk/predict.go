package chunk

import "io"

// guess is what an older list lets expect of the chunk under way.
type guess struct {
	old  []Chunk // without the last, whose border is no border
	next int     // the one expected
	on   bool
	held bool            // bytes are being read again: expect nothing before the next border
	at   map[Chunk]int32 // where in old a chunk is, made when first needed
	back io.ReaderAt
	buf  []byte
}

// Predict lets the cutter expect the chunks of an older list of the same grain, the
// one numbered next first. Where they come true, cutting costs the fast hash only;
// where not, the bytes of that chunk are read again from back, which has what is written to the
// cutter, at the same places. The list is the same as without.
func (c *Cutter) Predict(old List, next int, back io.ReaderAt) {
	if old.Grain != c.grain {
		return
	}
	c.guess = guess{old: old.before(), next: next, back: back}
	c.guess.on = next < len(c.guess.old)
}

// after chooses what to expect after a chunk: what came after it before.
func (g *guess) after(k Chunk) {
	if g.old == nil || g.held {
		return
	}
	if g.on {
		g.next++
	} else if i, known := g.find(k); known {
		g.next = i + 1
	} else {
		return
	}
	g.on = g.next < len(g.old)
}

func (g *guess) find(k Chunk) (int, bool) {
	if g.at == nil {
		g.at = make(map[Chunk]int32, len(g.old))
		for i, k := range g.old {
			g.at[k] = int32(i)
		}
	}
	i, known := g.at[k]
	return int(i), known
}

// compare takes bytes of the expected chunk, and says how many.
func (c *Cutter) compare(p []byte) (int, error) {
	want := c.guess.old[c.guess.next]
	k := min(len(p), int(want.Length)-c.n)
	_, _ = c.sum.Write(p[:k])
	if c.n += k; c.n < int(want.Length) {
		return k, nil
	}
	if c.sum.Sum64() == want.Hash {
		c.emit(want)
		return k, nil
	}
	return k, c.rejudge()
}

// rejudge reads again what did not come true and looks at each byte.
func (c *Cutter) rejudge() error {
	at, end := c.size, c.size+int64(c.n)
	c.guess.on, c.guess.held = false, true
	defer func() { c.guess.held = false }()
	c.h, c.n = 0, 0
	c.sum.Reset()
	if c.guess.buf == nil {
		c.guess.buf = make([]byte, 64<<10)
	}
	for at < end {
		b := c.guess.buf[:min(int64(len(c.guess.buf)), end-at)]
		if n, err := c.guess.back.ReadAt(b, at); n < len(b) {
			return err
		}
		at += int64(len(b))
		for len(b) > 0 {
			b = b[c.judge(b):]
		}
	}
	return nil
}
