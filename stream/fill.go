package stream

import (
	"context"

	"github.com/hydrasync/hydrasync/journal"
)

// filling makes messages of what a cursor read: it cuts them to size and puts
// small content beside its entry.
type filling struct {
	tree   *tree
	only   reach // content travels unasked for what is in the sub_dirs, not for what is on the way to them
	full   bool
	inline bool        // of a full comparison: the city has nothing to compare with
	since  journal.Seq // following: the position that the city has
	sizes  *sizes      // what the journal said of files before; nil: nothing known
}

// parts makes all of a chunk into messages. Only the last has a position.
func (f *filling) parts(ctx context.Context, chunk journal.Chunk, send func([]byte) error) error {
	for entries, more := chunk.Entries, true; more; {
		p := f.part(entries)
		entries = entries[len(p.entries):]
		if more = len(entries) > 0; !more {
			p.position = chunk.Position
			p.fullDone = f.full && chunk.Done
			if len(p.entries) == 0 && p.position.IsZero() {
				return nil
			}
		}
		m, err := p.message(ctx, f.tree)
		if err != nil {
			return err
		}
		if err := send(m); err != nil {
			return err
		}
	}
	return nil
}

// part is the beginning of entries that fills one message.
func (f *filling) part(entries []journal.Entry) part {
	p := part{full: f.full}
	n := 0
	for ; n < len(entries) && p.weight < batchTarget; n++ {
		offset, inline := f.offset(&entries[n])
		p.add(&entries[n], offset, inline)
	}
	p.entries = entries[:n:n]
	return p
}

// offset says from where the content travels with the entry, if it does: when
// the city lacks it, and what it lacks is small. Never for a change of name or
// mode only.
func (f *filling) offset(e *journal.Entry) (int64, bool) {
	n := &e.Change.Node
	if e.Note != nil || e.Change.Gone || n.Kind != journal.File || !f.only.has(e.Path) {
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
