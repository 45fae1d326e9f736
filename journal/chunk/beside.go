package chunk

import (
	"io"
	"sync"
)

const (
	// BlockSize is what is read, cut, hashed and written at once: it stays in a
	// core's cache from one to the other.
	BlockSize = 256 << 10
	// ahead is how many blocks may wait for the second goroutine.
	ahead = 4
)

// Blocks lends blocks of BlockSize bytes. Its zero value is ready, and may be used
// from many goroutines.
type Blocks struct{ pool sync.Pool }

func (b *Blocks) get() []byte {
	if p, ok := b.pool.Get().(*[BlockSize]byte); ok {
		return p[:]
	}
	return new([BlockSize]byte)[:]
}

func (b *Blocks) put(p []byte) { b.pool.Put((*[BlockSize]byte)(p)) }

// Beside gives the same bytes to a second goroutine, a hash mostly, while the
// first goes on with them. One goroutine uses it:
//
//	p := b.Block(); fill p; b.Give(p, p[:n]); go on reading p until the next Block
type Beside struct {
	blocks *Blocks
	full   chan given
	free   chan []byte
	lent   int
	ended  sync.WaitGroup
	behind sync.WaitGroup // what was given and is not written
}

type given struct{ block, part []byte }

// NewBeside starts the goroutine that writes to w, whose errors do not matter (a
// hash has none). Close ends it.
func NewBeside(w io.Writer, blocks *Blocks) *Beside {
	b := &Beside{blocks: blocks, full: make(chan given, ahead), free: make(chan []byte, ahead)}
	b.ended.Go(func() {
		for g := range b.full {
			_, _ = w.Write(g.part)
			b.behind.Done()
			b.free <- g.block
		}
	})
	return b
}

// Block is BlockSize bytes to fill; it waits while too many are on their way. Each has
// to be given.
func (b *Beside) Block() []byte {
	if b.lent < ahead {
		select {
		case p := <-b.free:
			return p
		default:
			b.lent++
			return b.blocks.get()
		}
	}
	return <-b.free
}

// Give passes a part of a block on, which nobody changes any more.
func (b *Beside) Give(block, part []byte) {
	b.behind.Add(1)
	b.full <- given{block, part}
}

// Drain waits until all that was given is written; w may be looked at then.
func (b *Beside) Drain() { b.behind.Wait() }

// Close drains and ends. All blocks have to be given.
func (b *Beside) Close() {
	close(b.full)
	b.ended.Wait()
	for range b.lent {
		b.blocks.put(<-b.free)
	}
}
