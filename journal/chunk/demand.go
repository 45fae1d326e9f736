package chunk

import (
	"context"
	"fmt"
	"io"
)

// Demand is a content's list: the kept one, or one that is made now by reading size
// bytes of what open gives, and kept. One is made at a time, so that many who
// ask for the same cost one reading, and whoever asks without end costs one core. A size
// below [MinSize] or above [MaxSize] gives [ErrInvalid].
func (s *Store) Demand(ctx context.Context, k Key, size int64, open func() (Opened, error)) (List, error) {
	if r, ok := s.Get(k); ok {
		return r.List, nil
	}
	if size < MinSize || size > MaxSize {
		return List{}, fmt.Errorf("%w: none is made for %d bytes", ErrInvalid, size)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return List{}, ctx.Err()
	}
	if r, ok := s.Get(k); ok {
		return r.List, nil
	}
	from, err := open()
	if err != nil {
		return List{}, err
	}
	defer from.Close()
	l, err := Cut(untilDone(ctx, io.NewSectionReader(from, 0, size)), GrainOf(size), make([]byte, BlockSize))
	if err == nil && l.Size() != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return List{}, err
	}
	_ = s.Put(k, Record{List: l}) // made again next time
	return l, nil
}

// Opened is a content to be read.
type Opened interface {
	io.ReaderAt
	io.Closer
}

// readerFunc is a Read.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// untilDone ends a reading with its context.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}
