package journal

import (
	"database/sql"
	"encoding/binary"
	"errors"
)

// Stored is a node's row.
type Stored struct {
	Node Node
	Seen Seen
	Gone bool // a tombstone: the state is the last one before it went

	Seq      Seq // the entry that made this state
	BodySeq  Seq // when the bytes last changed
	PlaceSeq Seq // when the parent or the name last changed

	Beneath Sum // directories: all beneath, itself not counted

	born   Seq  // the entry that made the node; 0 if not known
	hashed bool // the table of hash states has a row for it
}

const storedColumns = `n.id, n.parent, n.name, n.gone, n.seq, n.body_seq, n.place_seq, n.born, n.state, n.ino, n.seen, n.sum`

type scanner interface{ Scan(...any) error }

// scanStored reads storedColumns, and what more columns the caller selected after them.
func scanStored(row scanner, more ...any) (s Stored, err error) {
	var name, state, seen, sum sql.RawBytes
	var gone, ino int64
	if r, ok := row.(*sql.Row); ok {
		return scanOne(r)
	}
	into := append([]any{&s.Node.ID, &s.Node.Parent, &name, &gone, &s.Seq, &s.BodySeq, &s.PlaceSeq, &s.born, &state, &ino, &seen, &sum}, more...)
	if err := row.Scan(into...); err != nil {
		return Stored{}, wrap("read node", err)
	}
	return s, s.fill(name, state, seen, sum, gone, ino)
}

// scanOne is scanStored for a single row, which cannot lend its bytes.
func scanOne(row *sql.Row) (s Stored, err error) {
	var name, state, seen, sum []byte
	var gone, ino int64
	err = row.Scan(&s.Node.ID, &s.Node.Parent, &name, &gone, &s.Seq, &s.BodySeq, &s.PlaceSeq, &s.born, &state, &ino, &seen, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, ErrNotFound
	}
	if err != nil {
		return Stored{}, wrap("read node", err)
	}
	return s, s.fill(name, state, seen, sum, gone, ino)
}

func (s *Stored) fill(name, state, seen, sum []byte, gone, ino int64) (err error) {
	s.Node.Name = string(name)
	s.Gone = gone == 1
	if err := decodeState(state, &s.Node); err != nil {
		return err
	}
	if err := decodeSeen(seen, &s.Seen); err != nil {
		return err
	}
	s.Seen.Ino = uint64(ino)
	s.Beneath, err = decodeSum(sum)
	s.hashed = s.Node.Body.Size > 0
	return err
}

// digestKey is the part of a digest that is indexed: enough to find candidates.
func digestKey(d Digest) int64 { return int64(binary.BigEndian.Uint64(d[:8])) }
