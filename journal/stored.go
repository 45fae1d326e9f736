package journal

import "encoding/binary"

// Stored is a node's row.
type Stored struct {
	Node Node
	Seen Seen
	Gone bool // a tombstone: the state is the last one before it went

	Seq      Seq // the entry that made this state
	BodySeq  Seq // when the bytes last changed
	PlaceSeq Seq // when the parent or the name last changed

	Beneath Sum // directories: all beneath, itself not counted

	hashed bool // the table of hash states has a row for it
}

// packedRow is a row as one value. What a call into SQLite costs, and what
// database/sql does for each column, is more than the row itself: so a row is
// read as one column, and many rows as one row (see packs). Numbers are text,
// because SQLite can write them so; the rest is bytes that say where they end.
const packedRow = `concat(` + rowParts + `)`

const rowParts = `id, ' ', parent, ' ', gone, ' ', seq, ' ', length(name), ' ', sum IS NOT NULL, ' ', name, line, sum`

// row reads a packedRow.
func (d *decoder) row(s *Stored) {
	n := &s.Node
	n.ID, n.Parent = NodeID(d.number()), NodeID(d.number())
	s.Gone = d.number() == 1
	s.Seq = Seq(d.number())
	name, sum := d.number(), d.number() != 0
	n.Name = string(d.take(int(name)))
	d.line(s)
	if sum {
		s.Beneath = d.sum()
	}
}

// number reads a decimal number with the space after it.
func (d *decoder) number() (v int64) {
	i, minus := 0, len(d.b) > 0 && d.b[0] == '-'
	if minus {
		i++
	}
	for ; i < len(d.b) && d.b[i] != ' '; i++ {
		v = v*10 + int64(d.b[i]-'0')
	}
	d.take(i + 1)
	if minus {
		return -v
	}
	return v
}

// appendLine writes the part of a row that only this package reads: a row's
// other columns are there to be searched by.
func appendLine(b []byte, s *step) []byte {
	b = append(b, lineFormat)
	b = binary.AppendVarint(b, int64(s.seq-s.bodySeq))
	b = binary.AppendVarint(b, int64(s.seq-s.placeSeq))
	b = append(b, s.state...)
	return appendSeen(b, s.seen())
}

func (d *decoder) line(s *Stored) {
	d.format(lineFormat)
	s.BodySeq = s.Seq - Seq(d.varint())
	s.PlaceSeq = s.Seq - Seq(d.varint())
	d.state(&s.Node)
	s.hashed = d.seen(&s.Seen)
}

// digestKey is the part of a digest that is indexed: enough to find candidates.
func digestKey(d Digest) int64 { return int64(binary.BigEndian.Uint64(d[:8])) }
