package watcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// Body is a file's content, to be read in any order by any number of goroutines.
type Body interface {
	io.ReaderAt
	io.Closer
}

// ErrMoved says that the disk no longer holds the content that was asked for. A
// newer entry follows, or has come already.
var ErrMoved error = movedError{}

type movedError struct{}

func (movedError) Error() string { return "the content has moved on" }

// Moved marks the error for packages that do not import this one.
func (movedError) Moved() bool { return true }

// Open opens the content that n has in the journal. Reading fails with ErrMoved
// once the file holds other bytes there than it did. Who asks has to compare the digest in the end:
// times alone do not prove bytes.
func (w *Watcher) Open(ctx context.Context, n journal.Node) (Body, error) {
	if n.Kind != journal.File {
		return nil, fmt.Errorf("open node %d: it is a %v", n.ID, n.Kind)
	}
	if b, ok := w.bodies.get(n.Body.Digest, 0); ok || n.Body.Size == 0 {
		return memory{bytes.NewReader(b)}, nil
	}
	row, err := w.journal.Node(ctx, n.ID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return nil, fmt.Errorf("open node %d: %w", n.ID, err)
	}
	if err != nil || row.Gone || !holds(row.Node.Body, n.Body) {
		return nil, fmt.Errorf("open node %d: %w", n.ID, ErrMoved)
	}
	path, err := w.journal.Path(ctx, n.ID)
	if err != nil {
		return nil, fmt.Errorf("open node %d: %w", n.ID, ErrMoved)
	}
	return w.openFile(path, &row, n.Body)
}

// Read fills b with the bytes of n's content from at on, in one go. Path is where
// the journal had the node a moment ago: a hint, tried before its place is looked up.
// Errors are those of Open and its Body; what Open says of digests goes for Read too.
func (w *Watcher) Read(ctx context.Context, n journal.Node, path string, b []byte, at int64) error {
	if kept, ok := w.bodies.get(n.Body.Digest, at); ok && copy(b, kept) == len(b) {
		return nil
	}
	if at == 0 && int64(len(b)) == n.Body.Size && w.readHere(path, b) && sha256.Sum256(b) == n.Body.Digest {
		return nil // hashing costs less than asking the journal whose bytes these are, and proves more
	}
	body, err := w.Open(ctx, n)
	if err != nil {
		return err
	}
	defer body.Close()
	if got, err := body.ReadAt(b, at); got < len(b) {
		return err
	}
	return nil
}

// readHere reads the first bytes of whatever is at a path.
func (w *Watcher) readHere(path string, b []byte) bool {
	r := w.rootNow()
	if r == nil {
		return false
	}
	fd, err := r.open(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	_, err = preadFull(fd, b, 0)
	return err == nil
}

// holds says whether the bytes of want are the first bytes of have.
func holds(have, want journal.Content) bool {
	return have == want || have.Generation == want.Generation && have.Size >= want.Size
}

func (w *Watcher) openFile(path string, row *journal.Stored, want journal.Content) (Body, error) {
	r := w.rootNow()
	if r == nil {
		return nil, fmt.Errorf("open %q: %w", path, errLost)
	}
	fd, err := r.open(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if missing(err) {
		return nil, fmt.Errorf("open %q: %w", path, ErrMoved)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	st, err := statAt(fd, "")
	if err == nil && (st.kind != journal.File || st.ino != row.Seen.Ino || st.size < want.Size ||
		st.size == row.Seen.Size && st.mtime != row.Seen.MTime) {
		err = ErrMoved
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), unix.Close(fd))
	}
	return &file{fd: fd, st: st, size: want.Size}, nil
}

// memory is a small body that was hashed a moment ago.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// file is a body on disk, as long as it stays what it was, or only grows.
type file struct {
	fd   int
	st   stat
	size int64
}

// ReadAt reads from the announced bytes, never more of them and never others.
func (f *file) ReadAt(b []byte, at int64) (int, error) {
	if at >= f.size {
		return 0, io.EOF
	}
	short := int64(len(b)) > f.size-at
	if short {
		b = b[:f.size-at]
	}
	n, err := preadFull(f.fd, b, at)
	if errors.Is(err, errChanged) || err == nil && f.moved() {
		return 0, ErrMoved
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// moved says whether the bytes may be others by now.
func (f *file) moved() bool {
	now, err := statAt(f.fd, "")
	return err != nil || now.size < f.size || now.mtime != f.st.mtime && now.size <= f.st.size
}

// Close gives the descriptor back.
func (f *file) Close() error { return unix.Close(f.fd) }
