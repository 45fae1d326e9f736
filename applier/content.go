package applier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"hash"
	"io"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

const (
	// pieceSize is how much is read, hashed and written at once: large enough
	// that calls cost little, small enough for many workers.
	pieceSize = 256 << 10
	pageSize  = 4 << 10
	// minHole is the shortest run of zero pages that becomes a hole. Shorter
	// ones would split files into more extents than they save blocks.
	minHole = 32 << 10
	// minHashState is the size from which a hash state is kept: below it a
	// whole read costs less than a row.
	minHashState = 64 << 10
)

var zeroPage [pageSize]byte

var errTooLong = errors.New("more bytes came than announced")

// filler writes a file's bytes in order, hashes them, and leaves holes where
// they are zero. It takes no more than limit bytes. Many bytes are hashed beside their
// way to the disk. End it after use.
type filler struct {
	file   *beneath.File
	hash   hash.Hash
	at     int64 // where the next byte goes, pending ones not counted
	limit  int64
	buf    []byte // pending bytes, so that holes are found whatever comes
	blocks *chunk.Blocks
	side   *chunk.Beside // hashes what is flushed; nil: bytes are hashed as they come
	begun  int64         // up to where the way to the disk has begun
}

func newFiller(f *beneath.File, size int64, b *chunk.Blocks) *filler {
	return &filler{file: f, hash: sha256.New(), limit: size, blocks: b}
}

// Write takes the next bytes.
func (w *filler) Write(p []byte) (int, error) {
	if w.at+int64(len(w.buf))+int64(len(p)) > w.limit {
		return 0, errTooLong
	}
	n := len(p)
	for len(p) > 0 {
		if w.buf == nil {
			w.begin()
		}
		take := min(len(p), cap(w.buf)-len(w.buf))
		if w.side == nil {
			w.hash.Write(p[:take])
		}
		w.buf, p = append(w.buf, p[:take]...), p[take:]
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// begin makes room for pending bytes. What fits into one piece is checked before
// it is written, and so hashed at once.
func (w *filler) begin() {
	if w.side == nil && w.limit-w.at > 2*chunk.BlockSize {
		w.side, w.begun = chunk.NewBeside(w.hash, w.blocks), w.at
	}
	if w.side != nil {
		w.buf = w.side.Block()[:0]
		return
	}
	w.buf = make([]byte, 0, min(pieceSize, w.limit-w.at))
}

// whole takes all that is left, in one piece that stays as it is until finish.
func (w *filler) whole(p []byte) {
	w.hash.Write(p)
	w.buf = p
}

func (w *filler) flush() error {
	p := w.buf
	w.buf = p[:0]
	if w.side != nil && p != nil {
		w.side.Give(p[:cap(p)], p)
		w.buf = nil
	}
	if err := putAt(w.file, p, w.at); err != nil {
		return err
	}
	w.at += int64(len(p))
	if w.side != nil && w.at-w.begun >= writeBehind {
		w.file.WriteBehind(w.begun, w.at-w.begun)
		w.begun = w.at
	}
	return nil
}

// settle has everything written and hashed.
func (w *filler) settle() error {
	err := w.flush()
	if w.side != nil {
		w.side.Drain()
	}
	return err
}

// end gives back what the filler holds besides the file.
func (w *filler) end() {
	if w.side == nil {
		return
	}
	if w.buf != nil {
		w.side.Give(w.buf[:cap(w.buf)], nil)
	}
	w.side.Close()
	w.side, w.buf = nil, nil
}

// take says that the file has so many bytes already, and their hash.
func (w *filler) take(h hash.Hash, bytes int64) { w.hash, w.at = h, bytes }

// restart begins anew with an empty file.
func (w *filler) restart() error {
	w.hash, w.at = sha256.New(), 0
	return w.file.Truncate(0)
}

// putAt writes what is not zero.
func putAt(f *beneath.File, p []byte, at int64) error {
	for len(p) > 0 {
		data, hole := nextHole(p)
		if data > 0 {
			if _, err := f.WriteAt(p[:data], at); err != nil {
				return err
			}
		}
		at += int64(data + hole)
		p = p[data+hole:]
	}
	return nil
}

// nextHole splits the start of p into data and a hole after it.
func nextHole(p []byte) (data, hole int) {
	if len(p) < minHole {
		return len(p), 0
	}
	for at := 0; at < len(p); {
		end := at
		for end+pageSize <= len(p) && bytes.Equal(p[end:end+pageSize], zeroPage[:]) {
			end += pageSize
		}
		if end-at >= minHole {
			return at, end - at
		}
		at = end + pageSize
	}
	return len(p), 0
}

// finish checks the digest, writes what is pending, and sets the size. What
// fitted into one piece is thus checked before it is written.
func (w *filler) finish(want journal.Content) error {
	if w.side != nil {
		if err := w.settle(); err != nil {
			return err
		}
	}
	if w.at+int64(len(w.buf)) != want.Size || w.sum() != want.Digest {
		return errDigest
	}
	pending := len(w.buf)
	if err := w.flush(); err != nil {
		return err
	}
	if want.Size == 0 || pending > 0 && pending < minHole {
		return nil // the last bytes were written: the size is right
	}
	return w.file.Truncate(want.Size)
}

func (w *filler) sum() (d journal.Digest) {
	w.hash.Sum(d[:0])
	return d
}

// hashState is what a later append continues from; nil for small files.
func (w *filler) hashState() []byte { return stateOf(w.hash, w.limit) }

func stateOf(h hash.Hash, size int64) []byte {
	if size < minHashState {
		return nil
	}
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil // costs a whole read at the next append
	}
	return state
}

// resumeHash continues from a state.
func resumeHash(state []byte) (hash.Hash, error) {
	h := sha256.New()
	return h, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// digestOf reads the first size bytes of a file; fewer are an error.
func digestOf(ctx context.Context, f io.ReaderAt, size int64) (d journal.Digest, h hash.Hash, err error) {
	h = sha256.New()
	err = copyTo(ctx, h, f, 0, size)
	h.Sum(d[:0])
	return d, h, err
}

// copyTo reads a range piece by piece.
func copyTo(ctx context.Context, w io.Writer, f io.ReaderAt, off, length int64) error {
	buf := make([]byte, min(pieceSize, length))
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), length)], off)
		if n == 0 && err != nil {
			return errShort(err)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		off, length = off+int64(n), length-int64(n)
	}
	return nil
}

func errShort(err error) error {
	if err == io.EOF {
		return &pathError{"it became shorter while it was read"}
	}
	return err
}
