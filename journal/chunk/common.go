package chunk

import (
	"context"
	"io"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"
)

// Common says how many chunks of the list, from the first on, r has in the same places, and
// how many bytes they are. It reads no further than a little beyond the first difference, on
// all cores. r ending early is a difference; other errors of it are errors.
func (l List) Common(ctx context.Context, r io.ReaderAt) (n int, bytes int64, err error) {
	starts := make([]int64, len(l.Chunks)+1)
	for i, c := range l.Chunks {
		starts[i+1] = starts[i] + int64(c.Length)
	}
	var next, differs atomic.Int64
	differs.Store(math.MaxInt64)
	g, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(l.Chunks)) {
		g.Go(func() error {
			buf := make([]byte, min(BlockSize, l.Grain.max()))
			for {
				i := next.Add(1) - 1
				if i >= int64(len(l.Chunks)) || i >= differs.Load() || ctx.Err() != nil {
					return ctx.Err()
				}
				same, err := l.Chunks[i].isAt(r, starts[i], buf)
				if err != nil {
					return err
				}
				if !same {
					lower(&differs, i)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	n = int(min(differs.Load(), int64(len(l.Chunks))))
	return n, starts[n], nil
}

// isAt says whether r has the chunk at a place.
func (c Chunk) isAt(r io.ReaderAt, at int64, buf []byte) (bool, error) {
	var sum xxhash.Digest
	sum.Reset()
	for left := int64(c.Length); left > 0; {
		b := buf[:min(int64(len(buf)), left)]
		n, err := r.ReadAt(b, at)
		if n < len(b) {
			if err == io.EOF {
				return false, nil
			}
			return false, err
		}
		_, _ = sum.Write(b)
		at, left = at+int64(n), left-int64(n)
	}
	return sum.Sum64() == c.Hash, nil
}

func lower(a *atomic.Int64, v int64) {
	for {
		was := a.Load()
		if was <= v || a.CompareAndSwap(was, v) {
			return
		}
	}
}
