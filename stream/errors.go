package stream

import (
	"errors"
	"fmt"
)

// What callers decide on.
var (
	// ErrMoved: the content asked for is not the node's content any more. A
	// newer entry follows.
	ErrMoved = errors.New("content has moved on")
	// ErrDisconnected: the connection ended before all bytes came. Ask again
	// after the next connection began, from where it broke off.
	ErrDisconnected = errors.New("no connection to the capitol")
	// ErrDiffers is what a [Subscriber] answers a [Beat] whose digest is not
	// its own: the client asks for a full comparison.
	ErrDiffers = errors.New("the trees differ")
	// ErrUnreadable: the capitol could not read the content (an I/O error, a
	// missing right). It may later.
	ErrUnreadable = errors.New("the capitol cannot read the content")
)

// RefusedError is a capitol's answer that another attempt would meet again: a
// wrong token, no such tree, no version in common. It ends [Client.Run].
type RefusedError struct {
	Status int    // of HTTP; 0 if the stream was already open
	Text   string // the capitol's words, escaped
	Hint   string // what to do, escaped; may be empty
}

// Error is one line.
func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the capitol refuses: " + e.Text
	}
	return fmt.Sprintf("the capitol refuses (%d): %s", e.Status, e.Text)
}

// faultError is an error frame that may be different next time.
type faultError struct{ fault }

func (e *faultError) Error() string { return "the capitol ended the stream: " + Display(e.Text) }

// movedOn: the rooms that read disks have a sentinel of their own, known by
// its method, because rooms do not import one another.
func movedOn(err error) bool {
	var m interface{ Moved() bool }
	return errors.Is(err, ErrMoved) || errors.As(err, &m) && m.Moved()
}

// permanent: the same for errors of a Subscriber that end [Client.Run].
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

func isProtocol(err error) bool { return errors.Is(err, ErrProtocol) }

// hasWaited says whether a subscriber's error comes after a pause of its own.
func hasWaited(err error) bool {
	var w interface{ Waited() bool }
	return errors.As(err, &w) && w.Waited()
}
