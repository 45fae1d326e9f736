package stream

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hydrasync/hydrasync/journal"
)

// The CBOR forms of the frames' parts. Keys are integers and never change
// their meaning; names, paths, targets and texts are byte strings, because
// Linux names need not be UTF-8. Absent means zero.

type bstr = cbor.ByteString

type wirePosition struct {
	Epoch  []byte `cbor:"1,keyasint,omitempty"`
	Seq    uint64 `cbor:"2,keyasint,omitempty"`
	Digest []byte `cbor:"3,keyasint,omitempty"`
}

type wireEntry struct {
	Seq      uint64    `cbor:"1,keyasint"`
	Time     int64     `cbor:"2,keyasint,omitempty"` // Unix, ns
	Path     bstr      `cbor:"3,keyasint,omitempty"`
	Node     *wireNode `cbor:"4,keyasint,omitempty"`
	Gone     int64     `cbor:"5,keyasint,omitempty"` // the id of a node that is gone
	Note     *wireNote `cbor:"6,keyasint,omitempty"`
	Digest   []byte    `cbor:"7,keyasint,omitempty"`
	BodySeq  uint64    `cbor:"8,keyasint,omitempty"`
	PlaceSeq uint64    `cbor:"9,keyasint,omitempty"`
}

type wireNode struct {
	ID         int64       `cbor:"1,keyasint"`
	Parent     int64       `cbor:"2,keyasint,omitempty"`
	Name       bstr        `cbor:"3,keyasint,omitempty"`
	Kind       uint8       `cbor:"4,keyasint"`
	Mode       uint32      `cbor:"5,keyasint,omitempty"`
	UID        uint32      `cbor:"6,keyasint,omitempty"`
	GID        uint32      `cbor:"7,keyasint,omitempty"`
	Sec        int64       `cbor:"8,keyasint,omitempty"`
	Nsec       int32       `cbor:"9,keyasint,omitempty"`
	Generation uint64      `cbor:"10,keyasint,omitempty"`
	Size       int64       `cbor:"11,keyasint,omitempty"`
	Digest     []byte      `cbor:"12,keyasint,omitempty"`
	Target     bstr        `cbor:"13,keyasint,omitempty"`
	Link       int64       `cbor:"14,keyasint,omitempty"`
	Xattrs     []wireXattr `cbor:"15,keyasint,omitempty"`
}

type wireXattr struct {
	_     struct{} `cbor:",toarray"`
	Name  bstr
	Value []byte
}

type wireNote struct {
	Kind  uint8 `cbor:"1,keyasint"`
	Since int64 `cbor:"2,keyasint,omitempty"` // Unix, ns
	Text  bstr  `cbor:"3,keyasint,omitempty"`
}

func toPosition(p journal.Position) wirePosition {
	return wirePosition{Epoch: filled(p.Epoch[:]), Seq: uint64(p.Seq), Digest: filled(p.Digest[:])}
}

func (w wirePosition) position() (p journal.Position, err error) {
	if err = fill(p.Epoch[:], w.Epoch, "epoch"); err != nil {
		return journal.Position{}, err
	}
	p.Seq = journal.Seq(w.Seq)
	if w.Seq > 1<<63-1 {
		return journal.Position{}, fmt.Errorf("%w: seq %d", ErrProtocol, w.Seq)
	}
	return p, fill(p.Digest[:], w.Digest, "digest")
}

// filled is nil for zeros, which travel as an absent key.
func filled(b []byte) []byte {
	for _, x := range b {
		if x != 0 {
			return b
		}
	}
	return nil
}

// fill copies a fixed-size value; absent leaves zeros.
func fill(into, from []byte, what string) error {
	if len(from) != 0 && len(from) != len(into) {
		return fmt.Errorf("%w: %s of %d bytes", ErrProtocol, what, len(from))
	}
	copy(into, from)
	return nil
}

// entry is the one gate for what a capitol says about its tree: what passes is
// a note, a tombstone, or a node that Validate knows.
func (w *wireEntry) entry() (e journal.Entry, err error) {
	e = journal.Entry{Seq: journal.Seq(w.Seq), Time: instant(w.Time), Path: string(w.Path),
		BodySeq: journal.Seq(w.BodySeq), PlaceSeq: journal.Seq(w.PlaceSeq)}
	if w.Seq == 0 || w.Seq > 1<<63-1 || w.BodySeq > w.Seq || w.PlaceSeq > w.Seq || len(w.Path) > MaxEntryPath {
		return journal.Entry{}, fmt.Errorf("%w: entry %d", ErrProtocol, w.Seq)
	}
	if err := fill(e.Digest[:], w.Digest, "digest"); err != nil {
		return journal.Entry{}, err
	}
	switch {
	case w.Note != nil && w.Node == nil && w.Gone == 0:
		e.Note, err = w.Note.note()
	case w.Node != nil && w.Note == nil && w.Gone == 0:
		e.Change.Node, err = w.Node.node()
	case w.Gone > int64(journal.Root) && w.Gone <= int64(journal.MaxID) && w.Note == nil && w.Node == nil:
		e.Change = journal.Change{Gone: true, Node: journal.Node{ID: journal.NodeID(w.Gone)}}
	default:
		err = fmt.Errorf("%w: entry %d is not one change", ErrProtocol, w.Seq)
	}
	return e, err
}

func (w *wireNote) note() (*journal.Note, error) {
	if len(w.Text) > MaxText || w.Kind == 0 {
		return nil, fmt.Errorf("%w: note", ErrProtocol)
	}
	return &journal.Note{Kind: journal.NoteKind(w.Kind), Since: instant(w.Since), Text: string(w.Text)}, nil
}

func (w *wireNode) node() (journal.Node, error) {
	n := journal.Node{ID: journal.NodeID(w.ID), Parent: journal.NodeID(w.Parent), Name: string(w.Name),
		Kind: journal.Kind(w.Kind), Mode: w.Mode, UID: w.UID, GID: w.GID, MTime: journal.Time{Sec: w.Sec, Nsec: w.Nsec},
		Body: journal.Content{Generation: w.Generation, Size: w.Size}, Target: string(w.Target), Link: journal.NodeID(w.Link)}
	if err := fill(n.Body.Digest[:], w.Digest, "digest"); err != nil {
		return journal.Node{}, err
	}
	for _, x := range w.Xattrs {
		n.Xattrs = append(n.Xattrs, journal.Xattr{Name: string(x.Name), Value: x.Value})
	}
	if err := n.Validate(); err != nil {
		return journal.Node{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return n, nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// clip cuts what only people read.
func clip(s string, limit int) string { return s[:min(len(s), limit)] }

func clipLeft(s string, limit int) string { return s[max(0, len(s)-limit):] }
