package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestABarShowsHowFarItIs(t *testing.T) {
	full, empty := strings.Repeat("█", barMost), strings.Repeat(" ", barMost)
	for name, row := range map[string]struct {
		done, total int64
		rate        float64
		width       int
		want        string
	}{
		"nothing yet":       {0, 1000, 0, 120, "resume   0% |" + empty + "| (0/1000, 0 paths/s) [9s]"},
		"half":              {500, 1000, 100, 120, "resume  50% |" + full[:len(full)/2] + empty[:barMost/2] + "| (500/1000, 100 paths/s) [9s:5s]"},
		"all":               {1000, 1000, 1e6, 120, "resume 100% |" + full + "| (1000/1000, 1000000 paths/s) [9s:0s]"},
		"more than told of": {20, 10, 1, 120, "resume 100% |" + full + "| (20/10, 1 paths/s) [9s:0s]"},
		"nothing to do":     {0, 0, 0, 120, "resume   0% |" + empty + "| (0/0, 0 paths/s) [9s]"},
		"a narrow terminal": {500, 1000, 100, 56, "resume  50% |█████     | (500/1000, 100 paths/s) [9s:5s]"},
		"no room for a bar": {500, 1000, 100, 45, "resume  50% (500/1000, 100 paths/s) [9s:5s]"},
		"hardly any room":   {500, 1000, 100, 10, "resume  50"},
		"none":              {500, 1000, 100, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := barLine("resume", row.done, row.total, row.rate, 9500*time.Millisecond, row.width)
			if got != row.want || utf8.RuneCountInString(got) > max(row.width, 0) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestABarLeavesNothingBehind(t *testing.T) {
	var text strings.Builder
	b := newBar(&text, 0)
	b.show("a long description", 1, 10)
	b.show("short", 2, 10)
	b.clear()
	var line []rune // as a terminal has it
	at := 0
	for _, c := range text.String() {
		switch {
		case c == '\r':
			at = 0
			continue
		case at == len(line):
			line = append(line, c)
		}
		line[at] = c
		at++
	}
	if left := strings.TrimSpace(string(line)); left != "" || at != 0 || len(line) == 0 {
		t.Errorf("%q stands there, the cursor at %d", left, at)
	}
}
