package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The blobs in the tables: a format byte, then varints and length-prefixed
// bytes, so that each says itself where it ends. The state's form is also what a
// tree digest hashes, so it is frozen: another form needs another format byte
// and another stream version.
const (
	stateFormat = 1
	seenFormat  = 1
	lineFormat  = 1
)

var errShort = errors.New("blob ends early")

// appendState writes everything of n but its id, parent and name.
func appendState(b []byte, n *Node) []byte {
	b = append(b, stateFormat, byte(n.Kind))
	b = binary.AppendUvarint(b, uint64(n.Mode))
	b = binary.AppendUvarint(b, uint64(n.UID))
	b = binary.AppendUvarint(b, uint64(n.GID))
	b = appendTime(b, n.MTime)
	switch n.Kind {
	case File:
		b = binary.AppendUvarint(b, n.Body.Generation)
		b = binary.AppendUvarint(b, uint64(n.Body.Size))
		b = append(b, n.Body.Digest[:]...)
		b = binary.AppendVarint(b, int64(n.Link))
	case Symlink:
		b = appendBytes(b, n.Target)
		b = binary.AppendVarint(b, int64(n.Link))
	}
	b = binary.AppendUvarint(b, uint64(len(n.Xattrs)))
	for _, x := range n.Xattrs {
		b = appendBytes(b, x.Name)
		b = appendBytes(b, string(x.Value))
	}
	return b
}

func decodeState(blob []byte, n *Node) error {
	d := decoder{b: blob}
	d.state(n)
	return d.end("state")
}

func (d *decoder) state(n *Node) {
	d.format(stateFormat)
	n.Kind = Kind(d.byte())
	n.Mode, n.UID, n.GID = uint32(d.uvarint()), uint32(d.uvarint()), uint32(d.uvarint())
	n.MTime = d.time()
	switch n.Kind {
	case File:
		n.Body.Generation = d.uvarint()
		n.Body.Size = int64(d.uvarint())
		copy(n.Body.Digest[:], d.take(len(n.Body.Digest)))
		n.Link = NodeID(d.varint())
	case Symlink:
		n.Target = string(d.bytes())
		n.Link = NodeID(d.varint())
	}
	for i := d.uvarint(); i > 0 && d.err == nil; i-- {
		name := string(d.bytes())
		n.Xattrs = append(n.Xattrs, Xattr{name, append([]byte(nil), d.bytes()...)})
	}
}

// What a Seen's flags mean.
const (
	flagRacy   = 1 << iota
	flagHashed // the table of hash states has a row
	flagUnproven
)

// appendSeen writes s without the hash state, which has a table.
func appendSeen(b []byte, s *Seen) []byte {
	flags := byte(0)
	if s.Racy {
		flags |= flagRacy
	}
	if len(s.HashState) > 0 {
		flags |= flagHashed
	}
	if s.Unproven {
		flags |= flagUnproven
	}
	b = append(b, seenFormat, flags, byte(s.Lacks))
	b = binary.AppendUvarint(binary.AppendUvarint(b, s.Dev), s.Ino)
	b = appendTime(appendTime(appendTime(b, s.BTime), s.CTime), s.MTime)
	return binary.AppendUvarint(b, uint64(s.Size))
}

func (d *decoder) seen(s *Seen) (hashed bool) {
	d.format(seenFormat)
	flags := d.byte()
	s.Racy, s.Unproven = flags&flagRacy != 0, flags&flagUnproven != 0
	s.Lacks = Lack(d.byte())
	s.Dev, s.Ino = d.uvarint(), d.uvarint()
	s.BTime, s.CTime, s.MTime = d.time(), d.time(), d.time()
	s.Size = int64(d.uvarint())
	return flags&flagHashed != 0
}

func appendNote(b []byte, n *Note) []byte {
	since := int64(0)
	if !n.Since.IsZero() {
		since = n.Since.UnixNano()
	}
	b = append(b, stateFormat, byte(n.Kind))
	b = binary.AppendVarint(b, since)
	return appendBytes(b, n.Text)
}

func (d *decoder) note() *Note {
	d.format(stateFormat)
	n := &Note{Kind: NoteKind(d.byte())}
	if since := d.varint(); since != 0 {
		n.Since = time.Unix(0, since).UTC()
	}
	n.Text = string(d.bytes())
	return n
}

func appendTime(b []byte, t Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Sec), uint64(t.Nsec))
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads blobs; after the first error everything is zero.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.b, d.err = nil, errShort
		return nil
	}
	head := d.b[:n]
	d.b = d.b[n:]
	return head
}

// format reads a format byte and refuses any but want.
func (d *decoder) format(want byte) {
	if f := d.byte(); f != want && d.err == nil {
		d.b, d.err = nil, fmt.Errorf("unknown format %d", f)
	}
}

// end is the error of all that was read.
func (d *decoder) end(what string) error {
	if d.err != nil {
		return fmt.Errorf("decode %s: %w: %w", what, ErrDamaged, d.err)
	}
	return nil
}

func (d *decoder) byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.err = nil, errShort
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.err = nil, errShort
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.b, d.err = nil, errShort
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) time() Time {
	sec := d.varint()
	return Time{sec, int32(d.uvarint())}
}
