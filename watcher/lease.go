package watcher

import "golang.org/x/sys/unix"

// writers is the answer to "does anybody hold this file open for writing?".
type writers uint8

const (
	unknownWriters writers = iota // not our file, or a file system without leases
	noWriters
	someWriters
)

// probe asks for a read lease and gives it back at once: the kernel refuses one
// while any process has the file open, or mapped, for writing. Nothing stands between
// the two calls, because a writer that opens meanwhile is kept waiting.
func probe(fd int) writers {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	switch err {
	case nil:
		unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		return noWriters
	case unix.EAGAIN:
		return someWriters
	}
	return unknownWriters
}
