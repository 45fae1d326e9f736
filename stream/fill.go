package stream

import (
	"context"

	"github.com/hydrasync/hydrasync/journal"
)

// filling makes messages of what a cursor read: it cuts them to size and puts
// small content beside its entry.
type filling struct {
	tree   *tree
	full   bool
	inline bool        // of a full comparison: the city has nothing to compare with
	since  journal.Seq // following: the position that the city has
	sizes  *sizes      // what the journal said of files before; nil: nothing known
}

// parts makes all of a chunk into messages. Only the last has a position.
func (f *filling) parts(ctx context.Context, chunk journal.Chunk, send func(*sealed) error) error {
	entries := chunk.Entries
	for {
		b, n := f.part(ctx, entries)
		entries = entries[n:]
		if len(entries) == 0 {
			b.Position = chunk.Position
			b.FullDone = f.full && chunk.Done
			if b.Entries == nil && b.Position.IsZero() {
				return nil
			}
		}
		m, err := f.seal(b)
		if err != nil {
			return err
		}
		if err := send(m); err != nil || len(entries) == 0 {
			return err
		}
	}
}

// part is the beginning of entries that fills one message, and its length.
func (f *filling) part(ctx context.Context, entries []journal.Entry) (Batch, int) {
	b := Batch{Full: f.full}
	size, n := 0, 0
	for ; n < len(entries) && size < batchTarget; n++ {
		size += f.put(ctx, &b, &entries[n])
	}
	b.Entries = entries[:n:n]
	return b, n
}

// put adds the entry's content, if it travels with it, and estimates what both take.
func (f *filling) put(ctx context.Context, b *Batch, e *journal.Entry) int {
	size := weigh(e)
	offset, ok := f.offset(e)
	if !ok {
		return size
	}
	in, err := f.tree.read(ctx, e.Change.Node, offset)
	if err != nil {
		return size // moved on or unreadable: the city asks and is told
	}
	if b.Bodies == nil {
		b.Bodies = make(map[journal.NodeID]Inline)
	}
	b.Bodies[e.Change.Node.ID] = in
	return size + len(in.Bytes)
}

// offset says from where the content travels with the entry, if it does: when
// the city lacks it, and what it lacks is small. Never for a change of name or
// mode only.
func (f *filling) offset(e *journal.Entry) (int64, bool) {
	n := &e.Change.Node
	if e.Note != nil || e.Change.Gone || n.Kind != journal.File {
		return 0, false
	}
	if f.full {
		return 0, f.inline && n.Body.Size > 0 && n.Body.Size <= MaxInline
	}
	old := f.sizes.swap(n, e.BodySeq, f.since)
	if e.BodySeq <= f.since {
		return 0, false
	}
	return old, n.Body.Size > old && n.Body.Size-old <= MaxInline
}

func (f *filling) seal(b Batch) (*sealed, error) {
	m, err := f.tree.codec.pack(kindBatch, toBatch(&b))
	if err != nil {
		return nil, err
	}
	return &sealed{plain: m}, nil
}

// weigh is about what an entry takes in a message.
func weigh(e *journal.Entry) int {
	n := &e.Change.Node
	size := 160 + min(len(e.Path), MaxEntryPath) + len(n.Name) + len(n.Target)
	for _, x := range n.Xattrs {
		size += len(x.Name) + len(x.Value) + 8
	}
	if e.Note != nil {
		size += min(len(e.Note.Text), MaxText)
	}
	return size
}

// read is the content from offset to the end.
func (t *tree) read(ctx context.Context, n journal.Node, offset int64) (Inline, error) {
	body, err := t.Source.Open(ctx, n)
	if err != nil {
		return Inline{}, err
	}
	defer body.Close()
	in := Inline{Offset: offset, Bytes: make([]byte, n.Body.Size-offset)}
	if got, err := body.ReadAt(in.Bytes, offset); got < len(in.Bytes) {
		return Inline{}, short(err)
	}
	return in, nil
}
