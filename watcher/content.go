package watcher

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"golang.org/x/sys/unix"
)

// content is what reading a file found. It is evidence for exactly one state of
// the file, st; a look that sees another state does not use it.
type content struct {
	st     stat
	size   int64 // bytes read: st.size
	digest journal.Digest
	state  []byte // for journal.Seen
	tail   uint64
	base   journal.Digest // of the row it was compared with
	grown  bool           // that row's bytes are the first of these
	racy   bool           // a later write might leave the same times
	partly bool           // the old part was believed by its last block: read it all some day
	idle   bool           // nobody had it open for writing
	held   bool           // somebody had, and may store into a mapping with no times to tell of it
	asked  int64          // see still
	bytes  []byte         // the bytes themselves, if they are few and wanted ...
	from   int64          // ... from here to the end

	xattrs   []journal.Xattr // read at the same time
	xattrErr error
}

const (
	// From this size on the hash's state is kept, so that an append costs its
	// own bytes only. Below, reading anew (some 40 µs) is cheaper than storing a hundred bytes more a row.
	stateFrom = 64 << 10
	tailBlock = 4 << 10 // before the old end, compared before an append is believed
	readBlock = 128 << 10
)

// Reading ends with one of these when the file is not what was looked at.
var (
	errChanged = errors.New("the file changed while it was read")
	errWritten = errors.New("somebody writes to the file")
	errUnsure  = errors.New("nobody can say whether somebody writes to the file")
	errClosed  = errors.New("the file was closed a moment ago")
	errLong    = errors.New("reading it would take long")
)

// reader reads files beneath a root. It may be used from many goroutines.
type reader struct {
	root *root
	tick ticks
	bufs sync.Pool
	seen atomic.Int64 // files that were hashed, all in all

	lists  *chunk.Store // of large files; nil: none are made
	blocks chunk.Blocks
}

func newReader(r *root, lists *chunk.Store) *reader {
	return &reader{root: r, lists: lists, tick: ticksOf(r.fd), bufs: sync.Pool{New: func() any { return new([readBlock]byte) }}}
}

// read opens, asks for writers, hashes, and looks again.
func (r *reader) read(ctx context.Context, job reading) (*content, error) {
	fd, err := r.openFile(&job)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	begun := time.Now()
	st, err := statAt(fd, "")
	if err != nil {
		return nil, err
	}
	if st.kind != journal.File || st.ident != job.st.ident {
		return nil, errChanged
	}
	who := probe(fd)
	c := &content{st: st, size: st.size, base: job.base(), idle: who == noWriters, held: who == someWriters, racy: r.tick.racy(&st, begun)}
	if c.idle && job.was {
		return nil, errClosed
	}
	appended := r.appended(fd, &job, &st)
	if !c.idle && !job.ripe && !appended && !job.mayGrow(&st) {
		return nil, waitFor(who)
	}
	r.seen.Add(1)
	if err := r.digest(ctx, fd, c, &job, appended); err != nil {
		return nil, err
	}
	if !c.idle && !job.ripe && !c.grown {
		return nil, waitFor(who)
	}
	if who == someWriters && !c.grown {
		if err := r.agree(ctx, fd, c); err != nil {
			return nil, err
		}
	}
	c.xattrs, c.xattrErr = xattrsOf(fd)
	return c, settle(fd, c)
}

// agree reads once more: while a write is under way its bytes come one page
// after the other, and the times have moved before the first of them.
func (r *reader) agree(ctx context.Context, fd int, c *content) error {
	h, at := sha256.New(), int64(0)
	c.asked = 0
	if err := r.feed(ctx, fd, c, h, &at, c.size); err != nil {
		return err
	}
	if journal.Digest(h.Sum(nil)) != c.digest {
		return errChanged
	}
	return nil
}

func waitFor(who writers) error {
	if who == someWriters {
		return errWritten
	}
	return errUnsure
}

// appended says whether the file is the row's file with more bytes at its end,
// judged by the block before the old end. Only rows with a hash state can tell.
func (r *reader) appended(fd int, job *reading, st *stat) bool {
	row := job.row
	if row == nil || job.whole || row.Seen.Racy || len(row.Seen.HashState) == 0 || st.size <= row.Node.Body.Size {
		return false
	}
	tail, err := tailOf(fd, row.Node.Body.Size)
	return err == nil && tail == row.Seen.Tail
}

// tailOf hashes the block that ends at size.
func tailOf(fd int, size int64) (uint64, error) {
	var block [tailBlock]byte
	from := max(0, size-tailBlock)
	n, err := preadFull(fd, block[:size-from], from)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(block[:n])
	return binary.BigEndian.Uint64(sum[:8]), nil
}

// hash reads what has to be read. On the way past the row's old size it
// compares, so that an append is recognised without any state too.
func (r *reader) hash(ctx context.Context, fd int, c *content, job *reading, appended bool) error {
	h := sha256.New()
	at := int64(0)
	if appended && h.(encoding.BinaryUnmarshaler).UnmarshalBinary(job.row.Seen.HashState) == nil {
		at, c.grown, c.partly = job.row.Node.Body.Size, true, true
	} else {
		h.Reset()
		appended = false
	}
	if job.most > 0 && c.size-at > job.most {
		return errLong
	}
	switch {
	case c.size < stateFrom && !appended:
		return r.hashSmall(fd, c, job)
	case appended && job.keep && c.size-at <= stateFrom:
		return r.hashTail(fd, c, h, at)
	}
	if mark := oldSize(job.row); !appended && mark >= 0 && mark <= c.size {
		if err := r.feed(ctx, fd, c, h, &at, mark); err != nil {
			return err
		}
		c.grown = journal.Digest(h.Sum(nil)) == job.row.Node.Body.Digest
	}
	if err := r.feed(ctx, fd, c, h, &at, c.size); err != nil {
		return err
	}
	return c.seal(fd, h)
}

// seal takes the digest, and what the next append continues from.
func (c *content) seal(fd int, h hash.Hash) (err error) {
	c.digest = journal.Digest(h.Sum(nil))
	if c.size < stateFrom {
		return nil
	}
	if c.state, err = h.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return err
	}
	c.tail, err = tailOf(fd, c.size)
	return err
}

// hashTail is hash for the few bytes that a log grew by: they are kept.
func (r *reader) hashTail(fd int, c *content, h hash.Hash, from int64) error {
	c.bytes, c.from = make([]byte, c.size-from), from
	if _, err := preadFull(fd, c.bytes, from); err != nil {
		return err
	}
	h.Write(c.bytes)
	return c.seal(fd, h)
}

// hashSmall is hash for a file that is read at once.
func (r *reader) hashSmall(fd int, c *content, job *reading) error {
	buf := r.bufs.Get().(*[readBlock]byte)
	defer r.bufs.Put(buf)
	b := buf[:c.size]
	if job.keep {
		b = make([]byte, c.size)
		c.bytes = b
	}
	if _, err := preadFull(fd, b, 0); err != nil {
		return err
	}
	mark := oldSize(job.row)
	if mark < 0 || mark > c.size {
		c.digest = journal.Digest(sha256.Sum256(b))
		return nil
	}
	h := sha256.New()
	h.Write(b[:mark])
	c.grown = journal.Digest(h.Sum(nil)) == job.row.Node.Body.Digest
	h.Write(b[mark:])
	c.digest = journal.Digest(h.Sum(nil))
	return nil
}

// feed hashes the file's bytes from *at to end.
func (r *reader) feed(ctx context.Context, fd int, c *content, h hash.Hash, at *int64, end int64) error {
	buf := r.bufs.Get().(*[readBlock]byte)
	defer r.bufs.Put(buf)
	for *at < end {
		if err := errors.Join(ctx.Err(), c.still(fd, *at)); err != nil {
			return err
		}
		n, err := preadFull(fd, buf[:min(int64(len(buf)), end-*at)], *at)
		if err != nil {
			return err
		}
		h.Write(buf[:n])
		*at += int64(n)
	}
	return nil
}

// preadFull reads all of b; a file that ends earlier has changed.
func preadFull(fd int, b []byte, at int64) (int, error) {
	for got := 0; got < len(b); {
		n, err := unix.Pread(fd, b[got:], at+int64(got))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return got, err
		case n == 0:
			return got, errors.Join(errChanged, io.ErrUnexpectedEOF)
		default:
			got += n
		}
	}
	return len(b), nil
}
