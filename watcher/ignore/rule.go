package ignore

import "fmt"

// Given is the Source of patterns that were handed over as a list: the flag
// --ignore, or the key of that name in a config.
const Given = "--ignore"

// Rule is one pattern and the place where it was written.
type Rule struct {
	Source  string // name of the pattern file, or [Given]
	Line    int    // from 1: line of the file, or place in the list
	Pattern string // as written, without line end and trailing blanks
	Negated bool   // begins with '!': what it matches is kept
	DirOnly bool   // ends with '/': only directories match
}

// String is the place and the pattern, as in ".hydraignore:3: *.log". Bytes
// that would harm a terminal are escaped.
func (r Rule) String() string {
	return fmt.Sprintf("%s:%d: %s", r.Source, r.Line, printable(r.Pattern))
}

// printable quotes s when it holds anything but plain printable text.
func printable(s string) string {
	quoted := fmt.Sprintf("%q", s)
	if quoted == `"`+s+`"` {
		return s
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return quoted
		}
	}
	return s
}
