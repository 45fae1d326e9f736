package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"time"
)

// An entry's stamp is what every entry of one append has in common: the time,
// as bytes that sort as it does, and the tree digest.
const stampSize = 8 + len(Digest{})

func appendStamp(b []byte, at time.Time, d Digest) []byte {
	return append(appendStampTime(b, at), d[:]...)
}

func appendStampTime(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixNano())^1<<63)
}

func (d *decoder) stamp(e *Entry) {
	b := d.take(stampSize)
	if b == nil {
		return
	}
	e.Time = time.Unix(0, int64(binary.BigEndian.Uint64(b)^1<<63)).UTC()
	copy(e.Digest[:], b[8:])
}

// What an entry is about, the first byte of its line.
const (
	lineState = iota
	lineGone
	lineNote
)

// logStep logs the entry of a step with the path that it has by now.
func (t *tx) logStep(s *step, stamp []byte) error {
	n, what := s.node(), byte(lineState)
	if s.change.Gone {
		what = lineGone
	}
	at := len(t.buf)
	t.buf = append(t.buf, lineFormat, what)
	t.buf = binary.AppendVarint(t.buf, int64(n.Parent))
	t.buf = appendBytes(appendBytes(t.buf, n.Name), s.path)
	t.buf = append(t.buf, s.state...)
	return t.entries.add(int64(s.seq), int64(n.ID), stamp, t.buf[at:len(t.buf):len(t.buf)])
}

func (t *tx) logNote(e *Entry) error {
	line := appendNote([]byte{lineFormat, lineNote}, e.Note)
	if err := t.entries.add(int64(e.Seq), int64(0), appendStamp(nil, e.Time, e.Digest), line); err != nil {
		return err
	}
	return t.entries.flush()
}

// entryLine reads what logStep and logNote wrote.
func (d *decoder) entryLine(e *Entry) {
	d.format(lineFormat)
	n := &e.Change.Node
	switch what := d.byte(); what {
	case lineNote:
		e.Note = d.note()
	default:
		e.Change.Gone = what == lineGone
		n.Parent = NodeID(d.varint())
		n.Name, e.Path = string(d.bytes()), string(d.bytes())
		d.state(n)
	}
}

// packedEntry is an entry as it was written, as one value; see packedRow.
const packedEntry = `concat(seq, ' ', node, ' ', stamp, line)`

const entriesAfter = "SELECT * FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"

// Entries reads the log for people: up to limit entries after since, each as it
// was written. Beneath the floor the error is a [*CompactedError].
func (j *Journal) Entries(ctx context.Context, since Seq, limit int) (found []Entry, err error) {
	err = j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		if since < h.floor {
			return &CompactedError{since, h.floor}
		}
		for more := true; more && len(found) < limit; {
			before := len(found)
			if found, err = entriesIn(ctx, tx, found, since, min(limit-before, packRows)); err != nil {
				return err
			}
			if more = len(found) > before; more {
				since = found[len(found)-1].Seq
			}
		}
		return nil
	})
	return found, err
}

func entriesIn(ctx context.Context, q querier, found []Entry, since Seq, limit int) ([]Entry, error) {
	err := pack(ctx, q, func(raw []byte) error {
		d := decoder{b: raw}
		for len(d.b) > 0 {
			e := Entry{Seq: Seq(d.number())}
			e.Change.Node.ID = NodeID(d.number())
			d.stamp(&e)
			d.entryLine(&e)
			found = append(found, e)
		}
		return d.end("entries")
	}, packed(packedEntry, entriesAfter), int64(since), limit)
	return found, err
}

const selectStamp = "SELECT CAST(concat(seq, ' ', stamp) AS BLOB) FROM entries WHERE seq <= ? ORDER BY seq DESC LIMIT 1"

// stampAt is the stamp of the last entry up to seq; ok is false if there is none.
func stampAt(ctx context.Context, q querier, seq Seq) (e Entry, ok bool, err error) {
	err = pack(ctx, q, func(raw []byte) error {
		d := decoder{b: raw}
		e.Seq, ok = Seq(d.number()), true
		d.stamp(&e)
		return d.end("stamp")
	}, selectStamp, int64(seq))
	return e, ok, err
}
