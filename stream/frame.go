package stream

import (
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// kind is the first byte of a message: which frame it is.
type kind byte

// The frames. A city's are below 16, a capitol's from 16 on.
const (
	kindHello  kind = 1
	kindWant   kind = 2
	kindCancel kind = 3
	kindPulse  kind = 4
	kindCredit kind = 5
	kindList   kind = 6
	kindReport kind = 7

	kindWelcome kind = 16
	kindBatch   kind = 17
	kindContent kind = 18
	kindMoved   kind = 19
	kindBeat    kind = 20
	kindError   kind = 21
	kindChunks  kind = 22
	kindLineage kind = 23
)

// Mode is how a capitol brings a city up to date.
type Mode uint8

// The modes. Resume and CatchUp are the same read (each changed node once);
// Full sends every node, and the city removes what it was not told of.
const (
	Resume Mode = iota + 1
	CatchUp
	Full
)

// String is the word that people see.
func (m Mode) String() string {
	switch m {
	case Resume:
		return "resume"
	case CatchUp:
		return "catch-up"
	case Full:
		return "full comparison"
	}
	return "unknown mode"
}

// Hello is a city's first frame.
type Hello struct {
	Versions   []uint64 // that the city speaks, any order
	Tree       string   // as in the request's path
	Position   journal.Position
	SubDirs    []string // relative paths; none is the whole tree
	Features   []string // what the city can do beyond the version
	HasContent bool     // there are files to compare with: no inline content in a full comparison
	Compare    bool     // ask for a full comparison although the position may be good
	City       string   // a name for people
	Heartbeat  time.Duration
	Window     int64  // bytes of batches that the city takes before it grants credit
	As         string // by which name the city believes to have joined; "" if it does not say
	Replica    string // the city's own id in a [Lineage]
	Program    string // the version of the city's program, for people
}

// Welcome is a capitol's answer to [Hello].
type Welcome struct {
	Version   uint64
	Mode      Mode
	Reason    string           // for people: why this mode
	Position  journal.Position // of the capitol now
	Nodes     int64            // in the tree, for a progress bar
	Bytes     int64            // of content in the tree, for a progress bar
	Features  []string         // those of the city's that are in use
	Heartbeat time.Duration    // how often the capitol will show that it lives
	Waits     bool             // the comparison begins once the capitol has walked its tree
	Lineage   Lineage          // the way of the tree to here; empty if it is not told
}

// Inline is content that travels with its entry: Bytes stand at Offset and
// reach to the file's end. An Offset above zero means that the capitol has
// sent what lies before it on this tree; a city that lacks some of that asks
// for it.
type Inline struct {
	Offset int64
	Bytes  []byte
}

// Batch is a set of node states to make true, in one go.
type Batch struct {
	Entries []journal.Entry // no node twice; parents before their children
	Bodies  map[journal.NodeID]Inline
	// Position is true once the entries are applied. A long read arrives as
	// several batches of which only the last moves it.
	Position journal.Position
	Full     bool // part of a full comparison
	FullDone bool // its last part: what was not named does not exist
}

// Beat is the proof of "in step": at Position the nodes in the city's scope
// add up to Scope.
type Beat struct {
	Position journal.Position
	Scope    journal.Digest // zero: no claim, the peer only lives
	InLine   bool           // of a capitol: the city waits its turn
}

// want asks for bytes [Offset, Offset+Length) of a node's content.
type want struct {
	Request    uint64
	Node       journal.NodeID
	Digest     journal.Digest
	Generation uint64
	Offset     int64
	Length     int64
}

type content struct {
	Request uint64
	Offset  int64
	Bytes   []byte
	Last    bool
}

// moved ends a request without (all of) its bytes.
type moved struct {
	Request uint64
	Failed  bool   // not "another version": the capitol could not read it
	Text    string // for people
}

// fault ends a connection.
type fault struct {
	Code      Code
	Text      string
	Permanent bool // the same hello will meet the same answer
}

// Code says why a peer ended a connection.
type Code uint64

// The codes of an error frame.
const (
	CodeProtocol Code = iota + 1 // a frame that this side does not take
	CodeVersion                  // no version in common
	CodeTree                     // no such tree
	CodeLimit                    // too much at once
	CodeInternal                 // a fault of the capitol's own
	CodeStale                    // the city's place in the journal was compacted away meanwhile: come again
	CodeGrant                    // more is asked for than this city may have
	CodeLoop                     // the tree has come through this city
	CodePortion                  // a relay has only a part of the tree
)

// hint is what to do about a refusal.
func (c Code) hint() string {
	switch c {
	case CodeGrant:
		return "ask for what is granted (--sub-dir), or have more granted: hydrasync city grant on the capitol"
	case CodeLoop:
		return "follow the capitol, or a relay that does not come through here"
	case CodePortion:
		return "ask for what it has (sub_dirs), or follow the capitol"
	}
	return "check the URL, and that both ends are of the same version"
}
