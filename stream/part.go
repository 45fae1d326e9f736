package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hydrasync/hydrasync/journal"
)

// part is one batch on its way into a message.
type part struct {
	entries  []journal.Entry // never a node twice
	bodies   []body
	position journal.Position
	full     bool
	fullDone bool
	weight   int // bytes of the message at most
}

// body is content that travels with its entry.
type body struct {
	entry  *journal.Entry
	offset int64
	at     int   // its place in the message; the item begins at head
	head   int   // of its map
	err    error // moved on or unreadable: the city asks and is told
}

func (c *body) size() int { return int(c.entry.Change.Node.Body.Size - c.offset) }

// add counts an entry in, and its content from offset on if that travels with it.
func (p *part) add(e *journal.Entry, offset int64, inline bool) {
	p.weight += weigh(e)
	if inline {
		c := body{entry: e, offset: offset}
		p.weight += c.size() + bodyHead
		p.bodies = append(p.bodies, c)
	}
}

const (
	entryHead = 224 // bytes at most of an entry's numbers and digests
	bodyHead  = 32  // the same of a body
	batchHead = 128 // the same of a batch
)

// weigh is what an entry takes in a message at most.
func weigh(e *journal.Entry) int {
	n := &e.Change.Node
	size := entryHead + min(len(e.Path), MaxEntryPath) + len(n.Name) + len(n.Target)
	for _, x := range n.Xattrs {
		size += len(x.Name) + len(x.Value) + 8
	}
	if e.Note != nil {
		size += min(len(e.Note.Text), MaxText)
	}
	return size
}

// message encodes the part: it is what the codec makes of a wireBatch. Content is read
// right into its place.
func (p *part) message(ctx context.Context, t *tree) ([]byte, error) {
	m := newMapping(append(make([]byte, 0, batchHead+p.weight), byte(kindBatch), byte(plain)))
	if len(p.entries) > 0 {
		m.key(1)
		m.b = appendHead(m.b, majorArray, uint64(len(p.entries)))
		for i := range p.entries {
			m.b = appendEntry(m.b, &p.entries[i])
		}
	}
	p.fill(ctx, t, &m)
	m.key(3)
	m.b = appendPosition(m.b, p.position)
	m.bool(4, p.full)
	m.bool(5, p.fullDone)
	if len(m.b) > MaxFrame+2 {
		return nil, fmt.Errorf("encode batch: %d bytes are above the limit", len(m.b))
	}
	return m.b, nil
}

// fill lays the bodies out, reads them, and takes out those that could not be read.
func (p *part) fill(ctx context.Context, t *tree, m *mapping) {
	if len(p.bodies) == 0 {
		return
	}
	began := len(m.b)
	m.key(2)
	count := len(m.b)
	m.b = appendHead(m.b, majorArray, uint64(len(p.bodies)))
	first := len(m.b)
	for i := range p.bodies {
		p.bodies[i].place(m)
	}
	p.read(ctx, t, m.b)
	good := len(p.bodies)
	for i, end := len(p.bodies)-1, len(m.b); i >= 0; i-- {
		c := &p.bodies[i]
		if c.err != nil {
			m.b = slices.Delete(m.b, c.head, end)
			good--
		}
		end = c.head
	}
	switch {
	case good == 0:
		m.b = m.b[:began]
		m.b[m.head]--
	case good < len(p.bodies):
		m.b = slices.Replace(m.b, count, first, appendHead(nil, majorArray, uint64(good))...)
	}
}

// place writes what stands before the bytes, as the codec does for a
// wireInline, and leaves room for them.
func (c *body) place(m *mapping) {
	c.head = len(m.b)
	in := newMapping(m.b)
	in.int(1, int64(c.entry.Change.Node.ID))
	in.int(2, c.offset)
	in.key(3)
	in.b = appendHead(in.b, majorBytes, uint64(c.size()))
	c.at = len(in.b)
	m.b = slices.Grow(in.b, c.size())[:c.at+c.size()]
}

// readAhead: from so many bodies on, two read at a time, so that a disk that
// has to look for them is asked early.
const readAhead = 8

func (p *part) read(ctx context.Context, t *tree, message []byte) {
	var next atomic.Int32
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(p.bodies) {
				return
			}
			c := &p.bodies[i]
			c.err = t.read(ctx, c.entry, message[c.at:c.at+c.size()], c.offset)
		}
	}
	var beside sync.WaitGroup
	if len(p.bodies) >= readAhead {
		beside.Go(work)
	}
	work()
	beside.Wait()
}

// read fills b with the entry's content from offset on.
func (t *tree) read(ctx context.Context, e *journal.Entry, b []byte, offset int64) error {
	if r, ok := t.Source.(Reader); ok {
		return r.Read(ctx, e.Change.Node, e.Path, b, offset)
	}
	content, err := t.Source.Open(ctx, e.Change.Node)
	if err != nil {
		return err
	}
	defer content.Close()
	if got, err := content.ReadAt(b, offset); got < len(b) {
		return short(err)
	}
	return nil
}

// short is the error of a read that found less than the node has: the file was
// cut meanwhile.
func short(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrMoved
	}
	return err
}
