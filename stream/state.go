package stream

import (
	"errors"
	"time"
)

// Phase is what a client is doing.
type Phase uint8

// The phases.
const (
	Connecting Phase = iota + 1
	Waiting          // for the next attempt
	Connected
)

// String is the word that people see.
func (p Phase) String() string {
	switch p {
	case Connecting:
		return "connecting"
	case Waiting:
		return "waiting"
	case Connected:
		return "connected"
	}
	return "unknown"
}

// Fault says on which side of the wire something failed.
type Fault uint8

// The sides.
const (
	NoFault        Fault = iota
	FaultLocal           // this city: its disk, say
	FaultRemote          // the capitol, or what it says
	FaultInBetween       // the network
)

// String is the word that people see.
func (f Fault) String() string {
	switch f {
	case FaultLocal:
		return "local"
	case FaultRemote:
		return "remote"
	case FaultInBetween:
		return "network"
	}
	return ""
}

// State is a client's situation, for status.
type State struct {
	Phase   Phase
	From    string // the origin's URL
	Since   time.Time
	Attempt int       // since the last healthy connection
	Err     error     // why the last connection ended; nil while connected
	Fault   Fault     // whose
	Next    time.Time // waiting: when the next attempt begins
	Welcome Welcome   // connected: what the capitol said
	InLine  bool      // connected: others are brought up to date before this city
}

// State may be called at any time.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// report keeps the last error in sight until a connection stands.
func (c *Client) report(st State) {
	st.Since = time.Now()
	c.mu.Lock()
	if st.Phase == Connecting {
		st.Err, st.Fault = c.state.Err, c.state.Fault
	}
	c.state = st
	c.mu.Unlock()
	if c.cfg.OnState != nil {
		c.cfg.OnState(st)
	}
}

// line notes whether this city waits for others. The reader alone calls it.
func (c *Client) line(waits bool) {
	c.mu.Lock()
	changed := c.state.Phase == Connected && c.state.InLine != waits
	c.state.InLine = waits
	st := c.state
	c.mu.Unlock()
	if changed && c.cfg.OnState != nil {
		c.cfg.OnState(st)
	}
}

// localError is an error of the subscriber.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func faultOf(err error) Fault {
	var local *localError
	var refused *RefusedError
	var ended *faultError
	switch {
	case err == nil:
		return NoFault
	case errors.Is(err, ErrDisconnected):
		return FaultInBetween
	case errors.As(err, &local) && !errors.Is(err, ErrDiffers):
		return FaultLocal
	case errors.As(err, &refused), errors.As(err, &ended), isProtocol(err), errors.Is(err, ErrDiffers), movedOn(err):
		return FaultRemote
	}
	return FaultInBetween
}
