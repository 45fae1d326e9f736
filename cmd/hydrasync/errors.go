package main

import (
	"errors"
	"fmt"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// The exit codes.
const (
	codeDone    = 0 // done, or equal
	codeFailed  = 1 // failed, or differs
	codeUsage   = 2 // flags, config, or directories that cannot be meant
	codeHeld    = 3 // waiting for a person
	codeRunning = 4 // another process has this state
)

// failure is an error with what to type about it and an exit code.
type failure struct {
	err  error
	hint string
	code int
	lost bool // of a connection: another attempt may succeed
}

// Error is the cause alone.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.err }

// usage is a failure that was noticed before anything was touched.
func usage(hint, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), hint: hint, code: codeUsage}
}

// failed is a failure with a hint.
func failed(hint, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), hint: hint, code: codeFailed}
}

// verdict ends a command whose report has already said everything.
type verdict struct{ code int }

// Error is for logs only; [app.tell] prints nothing.
func (v *verdict) Error() string { return fmt.Sprintf("exit code %d", v.code) }

func codeOf(err error) int {
	var own *failure
	var used *journal.InUseError
	var exposed *stream.HintError
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &used):
		return codeRunning
	case applier.Held(err):
		return codeHeld
	case errors.As(err, &exposed):
		return codeUsage
	}
	return codeFailed
}

func hintOf(err error) string {
	var own *failure
	var used *journal.InUseError
	var refused *stream.RefusedError
	var exposed *stream.HintError
	var hinter interface{ Hint() string }
	switch {
	case errors.As(err, &own):
		return own.hint
	case errors.As(err, &used):
		return "one process at a time may use a state: stop the other one, or name another --state"
	case errors.As(err, &refused):
		return refused.Hint
	case errors.As(err, &exposed):
		return exposed.Hint
	case errors.As(err, &hinter):
		return hinter.Hint()
	case errors.Is(err, journal.ErrDamaged):
		return damagedHint
	case errors.Is(err, journal.ErrNewer):
		return "install the newer hydrasync that wrote it"
	}
	return ""
}
