package journal

import "time"

// Change is the state of one node now, or its absence. The absence of a
// directory is the absence of all that is beneath it.
type Change struct {
	Node Node // if Gone, only ID counts
	Gone bool
	Seen Seen // this machine's memory; never part of an entry, never sent

	// Was is a stale node (see [Journal.Renumber]) that this one takes over,
	// with all that is beneath it. What is beneath keeps its stale ids and gets this
	// node's id as parent, once it is recorded: before, it is found under the stale
	// parent. Only for Record; never sent.
	Was NodeID
}

// Seen is what this machine's disk said about a node when its state was found
// or made, so that the next look can tell "unchanged" without reading bytes.
// It is local: two journals of one tree differ in it.
type Seen struct {
	Dev, Ino uint64
	BTime    Time // zero where the file system keeps none
	CTime    Time
	MTime    Time
	Size     int64
	Racy     bool // looked at so soon after a change that the times prove nothing: read it again
	Unproven bool // some of the bytes were believed, not read, or might change without a sign: read them all some day
	Lacks    Lack // what the disk could not be given

	// HashState is the marshalled SHA-256 over the first Size bytes
	// (encoding.BinaryMarshaler), Tail the start of a SHA-256 over the block
	// before Size: with both, an appended file costs its tail only. Both empty
	// for small files, where a whole read costs less than a row.
	HashState []byte
	Tail      uint64
}

// Lack is a set of things that a city could not give a node.
type Lack uint8

// What a city may lack: the right to change owners, or a file system with
// extended attributes, ACLs, these mode bits or these times.
const (
	LackOwner Lack = 1 << iota
	LackXattr
	LackACL
	LackMode
	LackTime
)

// Note is an entry about the tree as a whole: a stretch of uncertainty, and
// how it ended.
type Note struct {
	Kind  NoteKind
	Since time.Time // from when changes may have been missed; zero if not known
	Text  string    // for people: which subtree, how many repairs
}

// NoteKind says what happened to a tree as a whole.
type NoteKind uint8

// The notes. Uncertain opens a stretch ("uncertain since …"), Repaired closes it.
const (
	Overflow   NoteKind = iota + 1 // the kernel's queue overflowed; reconcile follows
	Unwatched                      // some subtrees have no watch and are polled
	Downtime                       // the capitol was not running since …
	Reconciled                     // a reconcile ended: everything before it is certain
	SourceLost                     // the root is not the root it was; nothing is deleted
	SourceBack                     // the root is back
)

// String is the word that people see.
func (k NoteKind) String() string {
	names := [...]string{"", "overflow", "unwatched", "downtime", "reconciled", "source lost", "source back"}
	if int(k) < len(names) {
		return names[k]
	}
	return "note"
}

// Entry is one line of the journal: a change with its sequence number, or a
// note (then Change is empty).
type Entry struct {
	Seq    Seq
	Time   time.Time // of the append, on the capitol; for display only
	Path   string    // bytes: the node's path as it was, relative, "" for the root; for people only
	Change Change
	Note   *Note
	Digest Digest // the tree digest after this entry

	// Of the node, for whoever serves the entry on: when its bytes and its
	// place (parent or name) last changed.
	BodySeq  Seq
	PlaceSeq Seq
}
