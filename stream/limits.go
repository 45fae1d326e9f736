package stream

import (
	"time"
)

// Subprotocol is what the websocket handshake agrees on: the layout of a
// frame. What the frames mean is agreed on by [Hello.Versions].
const Subprotocol = "hydrasync.v1"

// Version is the newest (and only) version of the frames' meaning.
const Version = 1

// Limits of the wire. Each is checked before anything is allocated for what it
// limits; a peer that exceeds one has broken the protocol.
const (
	MaxFrame       = 1 << 20   // bytes of a message on the wire, and of its payload once unpacked
	MaxClientFrame = 64 << 10  // the same for what a city sends: requests, never content
	MaxContent     = 256 << 10 // bytes of content in one content frame: short enough that a batch never waits long behind it
	MaxInline      = 64 << 10  // bytes of content that travel inside a batch; more than this is asked for
	MaxWant        = 4 << 20   // bytes that one want may ask for
	MaxWants       = 64        // wants of one connection that are not answered yet
	MaxVersions    = 16
	MaxFeatures    = 32
	MaxFeature     = 64 // bytes
	MaxSubDirs     = 256
	MaxSubDir      = 4096      // bytes of one sub_dir (PATH_MAX)
	MaxSubDirBytes = 32 << 10  // bytes of all of them
	MaxTreeName    = 255       // bytes
	MaxCityName    = 255       // bytes
	MaxReplica     = 64        // bytes of a tree's or replica's id
	MaxLineage     = 64        // places that a tree comes through
	MaxText        = 4 << 10   // bytes of a text for people
	MaxEntryPath   = 16 << 10  // bytes of an entry's path, which is for people only: longer ones lose their beginning
	MaxProgram     = 64        // bytes of a program's version
	MinWindow      = 2 << 20   // bytes
	MaxWindow      = 256 << 20 // bytes
)

const (
	// batchTarget ends a batch: large enough that framing does not count,
	// small enough that the first entries of a long read are soon on disk.
	batchTarget = 384 << 10
	// chunkEntries bounds one read of the journal.
	chunkEntries = 500
	// resumeEntries is the lag up to which the mode is called resume; the read
	// is the same, only the word for people differs.
	resumeEntries = 1000
	// defaultWindow of batches may be on the way or waiting in a city.
	defaultWindow = 8 << 20
	// defaultHeartbeat is below the idle timeouts of common proxies (30 s).
	defaultHeartbeat = 15 * time.Second
	maxHeartbeat     = 5 * time.Minute
	// handshakeTime is all that a peer gets until its hello or welcome is read.
	handshakeTime = 10 * time.Second
	// settleTime after a batch the capitol proves "in step" by a heartbeat of
	// its own accord; batches within it share one.
	settleTime = 250 * time.Millisecond
	// Of a report: a word (a version, a state), what explains it, and how long ago anything can be.
	maxReportWord = 64
	maxReportText = 1 << 10
	maxAge        = 50 * 365 * 24 * time.Hour
	// maxHeader is enough for any honest request.
	maxHeader = 8 << 10
)
