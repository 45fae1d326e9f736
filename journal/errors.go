package journal

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// Errors that callers decide on.
var (
	ErrClosed   = errors.New("journal is closed")
	ErrNotFound = errors.New("no such node")
	ErrNewer    = errors.New("journal was written by a newer hydrasync")
	ErrOrphan   = errors.New("node without a living parent")
	ErrNoSpace  = errors.New("no space left for the journal")
	ErrRole     = errors.New("journal has the other role")
	ErrDamaged  = errors.New("journal is damaged") // see [Journal.Damaged]
)

// CompactedError says that entries after the wanted Seq are no longer kept:
// the reader has to start from the current nodes instead.
type CompactedError struct {
	Since Seq // what was wanted
	Floor Seq // entries up to and including this one are gone
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("entries after %d are compacted, the floor is %d", e.Since, e.Floor)
}

// InUseError says which process holds the journal.
type InUseError struct {
	Path    string
	PID     int    // 0 if the holder did not leave it
	Command string // its command line, for people
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("open journal %s: in use by process %d (%s)", e.Path, e.PID, e.Command)
}

// NameTakenError refuses a tree in which two nodes have one name. Whoever
// appended has to look again: the two cannot both be there.
type NameTakenError struct {
	Parent NodeID
	Name   string // bytes
	Path   string // bytes; only the name if Parent has no path
	Node   NodeID // that wanted the name
	Holder NodeID // that has it
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("nodes %d and %d both want the name %q", e.Holder, e.Node, e.Path)
}

func isConstraint(err error) bool {
	var code sqlite3.Error
	return errors.As(err, &code) && code.Code == sqlite3.ErrConstraint
}

// wrap turns SQLite's codes into the errors that callers decide on.
func wrap(what string, err error) error {
	var code sqlite3.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &code) && (code.Code == sqlite3.ErrFull || code.SystemErrno == syscall.ENOSPC || code.SystemErrno == syscall.EDQUOT):
		return fmt.Errorf("%s: %w: %w", what, ErrNoSpace, err)
	case errors.As(err, &code) && (code.Code == sqlite3.ErrCorrupt || code.Code == sqlite3.ErrNotADB), lacksOwn(err):
		return fmt.Errorf("%s: %w: %w", what, ErrDamaged, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
