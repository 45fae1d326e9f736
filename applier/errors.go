package applier

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// ErrClosed is what methods say after Close.
var ErrClosed = errors.New("applier is closed")

// RootError says that the destination cannot be used, or is no longer the
// directory that was opened.
type RootError struct {
	Root string
	Err  error
	hint string
}

func (e *RootError) Error() string {
	return "open destination " + strconv.Quote(e.Root) + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *RootError) Unwrap() error { return e.Err }

// Hint says what a person can do.
func (e *RootError) Hint() string { return e.hint }

// The conditions of the whole destination, wrapped by [*StateError].
var (
	ErrNoSpace  = errors.New("no space")
	ErrReadOnly = errors.New("read-only")
)

// StateError says that the destination takes no more writes: nothing of the
// set counts, old files are whole, and applying it again resumes.
type StateError struct {
	State error // [ErrNoSpace], [ErrReadOnly] or [ErrMinFree]
	Err   error
}

func (e *StateError) Error() string {
	if e.State == ErrMinFree { // part of a sentence for people
		return e.State.Error() + ": " + e.Err.Error()
	}
	return "apply: " + e.State.Error() + ": " + e.Err.Error()
}

// Unwrap gives both, for errors.Is.
func (e *StateError) Unwrap() []error { return []error{e.State, e.Err} }

// Hint says what a person can do.
func (e *StateError) Hint() string {
	switch e.State {
	case ErrMinFree:
		return "make room on the destination's file system, or write a smaller min_free; hydrasync goes on by itself"
	case ErrReadOnly:
		return "the file system is mounted read-only, or turned so after an error: look at the kernel log, remount it"
	}
	return "free space, inodes or quota on the destination's file system; hydrasync goes on by itself"
}

// Held says whether err is a refusal of our own: a mass delete, or more than
// a limit allows.
func Held(err error) bool {
	var hold *HoldError
	var quota *QuotaError
	return errors.As(err, &hold) || errors.As(err, &quota) || errors.Is(err, ErrMinFree)
}

// whole turns an errno that concerns all of the destination into its state.
// Other errors that are not an errno end the set too: nothing is known then.
func whole(err error) error {
	var state *StateError
	switch {
	case err == nil || errors.As(err, &state):
		return err
	case beneath.IsErrno(err, unix.ENOSPC, unix.EDQUOT) || errors.Is(err, journal.ErrNoSpace):
		return &StateError{ErrNoSpace, err}
	case beneath.IsErrno(err, unix.EROFS):
		return &StateError{ErrReadOnly, err}
	}
	return err
}

// pathOnly says whether err concerns one path and lets the rest go on.
func pathOnly(err error) bool {
	var no unix.Errno
	var own *pathError
	if errors.As(err, &own) {
		return true
	}
	return errors.As(err, &no) && no != unix.ENOSPC && no != unix.EDQUOT && no != unix.EROFS &&
		no != unix.EMFILE && no != unix.ENFILE && no != unix.ENOMEM
}

// pathError is a reason of our own why one path is not made.
type pathError struct{ why string }

func (e *pathError) Error() string { return e.why }

var (
	errReserved = &pathError{"the name is hydrasync's own"}
	errMovedOn  = &pathError{"its content has moved on; a newer entry follows"}
	errDigest   = &pathError{"the content that came does not have its digest"}
	errNoParent = &pathError{"its directory is not here"}
	errTangled  = &pathError{"its directory would be inside itself"}
	errLost     = &pathError{"it is not where the journal says"}
)

// hasMoved recognises the answer "that content is no longer there" by its
// method, so that the rooms need not know one another.
func hasMoved(err error) bool {
	var m interface{ Moved() bool }
	return errors.As(err, &m) && m.Moved()
}

// MovedError is what [Applier.Open] says when disk and journal differ.
type MovedError struct{ Node journal.NodeID }

func (e *MovedError) Error() string { return fmt.Sprintf("content of node %d has moved on", e.Node) }

// Moved says so to a stream.
func (e *MovedError) Moved() bool { return true }
