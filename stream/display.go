package stream

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Display makes a name, a path or a peer's text safe for terminals, logs and
// pages: control characters, invisible and direction-changing ones, and bytes
// that are not UTF-8 appear as \n, \x1b or \u202e; a backslash is doubled, so
// that two names never look the same.
func Display(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80 && !shown(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !shown(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case !shown(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// clean says that Display has nothing to escape.
func clean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == '\\' || !shown(r) {
			return false
		}
	}
	return true
}

// shown: letters, marks, numbers, punctuation, symbols and the plain blank;
// not controls, formats (bidi among them), other blanks, private or unassigned.
func shown(r rune) bool { return unicode.IsPrint(r) }
