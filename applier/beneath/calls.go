package beneath

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Calls sees every changing call before it is made and may refuse it: that is
// how tests fail the n-th call, or end the world there. Before may be called
// from several goroutines at once.
type Calls interface {
	Before(op, name string) error
}

// Error is a kernel call that failed. Name is one component or a path relative
// to the root, as bytes; it is quoted in the text.
type Error struct {
	Op   string
	Name string
	Err  error
}

func (e *Error) Error() string {
	return e.Op + " " + strconv.Quote(e.Name) + ": " + e.Err.Error()
}

// Unwrap gives the errno.
func (e *Error) Unwrap() error { return e.Err }

// fail wraps; nil stays nil.
func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{op, name, err}
}

// again repeats a call that a signal interrupted: the runtime's own signals
// reach file systems that do not restart by themselves (FUSE, NFS).
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// system is a kernel and who watches what is asked of it.
type system struct {
	kernel Kernel
	calls  Calls // nil: nobody
}

// change makes a changing call, unless the hook refuses it.
func (s *system) change(op, name string, call func() error) error {
	if s.calls != nil {
		if err := s.calls.Before(op, name); err != nil {
			return fail(op, name, err)
		}
	}
	return fail(op, name, again(call))
}

// single refuses a name that is not one component: the last wall behind the
// checks at the door.
func single(op, name string) error {
	if name == "" || name == "." || name == ".." {
		return fail(op, name, unix.EINVAL)
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == 0 {
			return fail(op, name, unix.EINVAL)
		}
	}
	return nil
}

// procPath is the magic link to a descriptor, for the calls that only take
// paths. The descriptor itself was opened confined.
func procPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
