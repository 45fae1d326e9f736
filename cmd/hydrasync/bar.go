package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// bar is the line at the end of a terminal that shows how far something is. It is
// written over itself and leaves nothing behind.
type bar struct {
	to    io.Writer
	began time.Time
	first int64 // what was done when it began
	shown int   // columns of the line that stands there
}

func newBar(to io.Writer, done int64) *bar { return &bar{to: to, began: time.Now(), first: done} }

func (b *bar) show(what string, done, total int64) {
	took := time.Since(b.began)
	rate := float64(done-b.first) / max(took.Seconds(), 0.001)
	line := barLine(what, done, total, rate, took, columns(b.to)-1)
	width := utf8.RuneCountInString(line)
	fmt.Fprint(b.to, "\r", line, strings.Repeat(" ", max(b.shown-width, 0)))
	b.shown = width
}

func (b *bar) clear() {
	fmt.Fprint(b.to, "\r", strings.Repeat(" ", b.shown), "\r")
	b.shown = 0
}

// barMost is the width of a bar where there is room.
const barMost = 30

// barLine is at most width columns wide: the bar makes room for the words.
func barLine(what string, done, total int64, rate float64, took time.Duration, width int) string {
	part := min(float64(done)/float64(max(total, 1)), 1)
	head := fmt.Sprintf("%s %3d%% ", what, int(100*part))
	times := took.Truncate(time.Second).String()
	if rate > 0 {
		times += ":" + (time.Duration(float64(max(total-done, 0))/rate) * time.Second).String()
	}
	tail := fmt.Sprintf(" (%d/%d, %.0f paths/s) [%s]", done, total, rate, times)
	room := min(barMost, width-len(head)-len(tail)-2)
	if room < 1 {
		line := head + tail[1:]
		return line[:min(len(line), max(width, 0))]
	}
	full := int(part * float64(room))
	return head + "|" + strings.Repeat("█", full) + strings.Repeat(" ", room-full) + "|" + tail
}

// columns is how wide a terminal is; what is none is as wide as most of them.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	return 80
}
