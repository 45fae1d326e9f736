package stream

import (
	"errors"
	"net"
)

// Patient makes a listener whose errors do not end who serves on it: a machine
// without memory or descriptors has them again in a while, and net/http waits a moment after an
// error that calls itself temporary. Only a closed listener is at its end.
func Patient(ln net.Listener) net.Listener { return patientListener{ln} }

type patientListener struct{ net.Listener }

func (l patientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		err = passing{err}
	}
	return c, err
}

// passing is an error that is over in a while.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }
func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }
