package applier

import (
	"context"
	"io"

	"github.com/hydrasync/hydrasync/journal/chunk"
)

// assemble copies what the old file has, waits for what has to be fetched, and
// shows all of it to the hash, in order.
func (p *patch) assemble(ctx context.Context) error {
	side := chunk.NewBeside(p.marks, p.blocks)
	defer side.Close()
	for i, s := range p.spans {
		if err := p.await(ctx, i); err != nil {
			return err
		}
		if err := p.span(ctx, side, s); err != nil {
			return err
		}
	}
	side.Drain()
	return p.oldStayed()
}

// oldStayed says that nobody was at the old file meanwhile, if its bytes were believed.
func (p *patch) oldStayed() error {
	if p.hashed == 0 {
		return nil
	}
	st, err := p.old.file.Stat()
	if err == nil && !untouched(st, &p.old.seen) {
		err = errDigest
	}
	return err
}

func (p *patch) await(ctx context.Context, i int) error {
	if p.came[i] == nil {
		return ctx.Err()
	}
	select {
	case <-p.came[i]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// span takes one span, in blocks that end where the disk's do.
func (p *patch) span(ctx context.Context, side *chunk.Beside, s chunk.Span) error {
	var from io.ReaderAt = p.old.file
	switch s.Way {
	case chunk.Fetch:
		from, s.From = p.to, s.To
	case chunk.Zero:
		from = zeros{}
	}
	for s.Length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(s.Length, chunk.BlockSize-s.To%chunk.BlockSize)
		block := side.Block()
		_, err := from.ReadAt(block[:n], s.From)
		if err != nil {
			side.Give(block, nil)
			return errDigest // the old file has become shorter: it is not what the lists say
		}
		side.Give(block, block[min(max(p.hashed-s.To, 0), n):n])
		if s.Way != chunk.Fetch && !(p.cloned && s.Way == chunk.Copy && s.From == s.To) {
			if err := p.put(block[:n], s.To); err != nil {
				return err
			}
		}
		s.To, s.From, s.Length = s.To+n, s.From+n, s.Length-n
		p.behind(s.To)
	}
	return nil
}

// zeros are as many as one reads.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

// put writes bytes at a place; runs of zeros become holes.
func (p *patch) put(b []byte, at int64) error {
	if p.cloned { // where a hole would be are old bytes
		_, err := p.to.WriteAt(b, at)
		return err
	}
	return putAt(p.to, b, at)
}

// behind sends to the disk what lies before a place, now and then.
func (p *patch) behind(at int64) {
	if at-p.begun >= writeBehind {
		p.to.WriteBehind(p.begun, at-p.begun)
		p.begun = at
	}
}
