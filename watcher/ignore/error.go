package ignore

import "fmt"

// ParseError says where a source can not be read as patterns. git would take
// such bytes and quietly do something else than was meant.
type ParseError struct {
	Source string
	Line   int // from 1
	Why    string
	hint   string
}

// Error names the source and the line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("parse %s: line %d: %s", e.Source, e.Line, e.Why)
}

// Hint says what to write instead.
func (e *ParseError) Hint() string { return e.hint }
