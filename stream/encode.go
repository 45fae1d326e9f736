package stream

import (
	"github.com/hydrasync/hydrasync/journal"
)

// appendEntry is what the codec makes of a wireEntry.
func appendEntry(b []byte, e *journal.Entry) []byte {
	m := newMapping(b)
	m.key(1)
	m.b = appendHead(m.b, 0, uint64(e.Seq))
	m.int(2, nanos(e.Time))
	m.text(3, clipLeft(e.Path, MaxEntryPath))
	switch {
	case e.Note != nil:
		m.key(6)
		m.b = appendNote(m.b, e.Note)
	case e.Change.Gone:
		m.int(5, int64(e.Change.Node.ID))
	default:
		m.key(4)
		m.b = appendNode(m.b, &e.Change.Node)
	}
	m.fixed(7, e.Digest[:])
	m.uint(8, uint64(e.BodySeq))
	m.uint(9, uint64(e.PlaceSeq))
	return m.b
}

// appendNode is what the codec makes of a wireNode.
func appendNode(b []byte, n *journal.Node) []byte {
	m := newMapping(b)
	m.key(1)
	m.b = appendInt(m.b, int64(n.ID))
	m.int(2, int64(n.Parent))
	m.text(3, n.Name)
	m.key(4)
	m.b = appendHead(m.b, 0, uint64(n.Kind))
	m.uint(5, uint64(n.Mode))
	m.uint(6, uint64(n.UID))
	m.uint(7, uint64(n.GID))
	m.int(8, n.MTime.Sec)
	m.int(9, int64(n.MTime.Nsec))
	m.uint(10, n.Body.Generation)
	m.int(11, n.Body.Size)
	m.fixed(12, n.Body.Digest[:])
	m.text(13, n.Target)
	m.int(14, int64(n.Link))
	if len(n.Xattrs) > 0 {
		m.key(15)
		m.b = appendHead(m.b, majorArray, uint64(len(n.Xattrs)))
		for _, x := range n.Xattrs {
			m.b = appendHead(m.b, majorArray, 2)
			m.b = appendBytes(appendBytes(m.b, x.Name), x.Value)
		}
	}
	return m.b
}

// appendNote is what the codec makes of a wireNote.
func appendNote(b []byte, n *journal.Note) []byte {
	m := newMapping(b)
	m.key(1)
	m.b = appendHead(m.b, 0, uint64(n.Kind))
	m.int(2, nanos(n.Since))
	m.text(3, clip(n.Text, MaxText))
	return m.b
}

// appendPosition is what the codec makes of a wirePosition.
func appendPosition(b []byte, p journal.Position) []byte {
	m := newMapping(b)
	m.fixed(1, p.Epoch[:])
	m.uint(2, uint64(p.Seq))
	m.fixed(3, p.Digest[:])
	return m.b
}
