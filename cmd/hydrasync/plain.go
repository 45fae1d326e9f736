package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/hydrasync/hydrasync/stream"
)

// plainText is for what a capitol has escaped if it is honest.
func plainText(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return stream.Display(text)
	}
	return text
}

// plainJSON writes what no terminal should be sent, and what turns the direction of
// writing, as JSON's own escapes: programs read the same. Encoders leave DEL, C1 and bidi
// controls as they are, and they can only stand in texts.
func plainJSON(text string) string {
	odd := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !odd(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
