package ignore

import (
	"slices"
	"strings"
)

// Doubt is a rule that can not match any path. git takes such rules without a
// word, and so does this package; a command may show them.
type Doubt struct {
	Rule Rule
	Why  string
	Hint string // what to write instead
}

// Doubts lists the rules that can not match any path, in order.
func (r *Rules) Doubts() []Doubt {
	var doubts []Doubt
	for _, rule := range r.List() {
		if m, found := doubt(rule); found {
			doubts = append(doubts, Doubt{rule, m.why, m.hint})
		}
	}
	return doubts
}

func doubt(rule Rule) (malformed, bool) {
	_, body := cut(rule.Pattern)
	if _, err := compile(body); err != nil {
		m, found := err.(malformed)
		return m, found
	}
	names := strings.Split(body, "/")
	return dotName, slices.Contains(names, ".") || slices.Contains(names, "..")
}

// malformed is why a pattern can not match anything, and what may be meant.
type malformed struct{ why, hint string }

func (m malformed) Error() string { return m.why }

var (
	errEmptyName = malformed{"it has an empty name", "write something before and after each slash; ** stands for any number of directories"}
	errBackslash = malformed{"it ends with a backslash", `write \\ for a backslash; a blank at the end is written "\ "`}
	errUnclosed  = malformed{"it has a [ without its ]", `write \[ for the character, or close the class`}
	errClassName = malformed{"it has an unknown [:class:]", "there are alnum alpha blank cntrl digit graph lower print punct space upper xdigit"}
	dotName      = malformed{"no path has the name . or ..", "patterns begin at the tree's root: write /build for ./build"}
)
