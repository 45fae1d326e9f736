package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

const legend = `Times are medians over the rounds. × is how many times hydrasync's figure it is. "durable": what it has done is on the disk;
without it the kernel may still hold everything in memory. "floor" is the machine itself, at the same work and nothing else.
`

// Text prints the table.
func (t *Table) Text(w io.Writer) {
	fmt.Fprintf(w, "hydrabench: %s on %s, %s", t.Hydrasync, t.Machine, plural(t.Rounds, "round"))
	if t.Quick {
		fmt.Fprint(w, ", QUICK: sizes too small to mean anything")
	}
	fmt.Fprintf(w, "\n%s", legend)
	for _, r := range t.Rows {
		r.Text(w)
	}
	t.summary(w)
}

// Text prints one row.
func (r *Row) Text(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", r.Name, r.Title)
	if r.Note != "" {
		fmt.Fprintf(w, "  (%s)\n", r.Note)
	}
	lines := [][]string{append([]string{""}, r.heads()...)}
	for _, l := range r.Lines {
		lines = append(lines, append([]string{l.Who}, r.cells(l)...))
	}
	printColumns(w, lines)
	for _, m := range r.Marks {
		fmt.Fprintf(w, "  mark %s: %s, %s\n", m.Text, m.Got, m.word())
	}
}

func (v Verdict) word() string {
	switch {
	case !v.Known:
		return "NOT MEASURED"
	case v.OK:
		return "reached"
	}
	return "MISSED"
}

func (r *Row) heads() []string {
	heads := []string{}
	for i, f := range r.Figures {
		heads = append(heads, f.Label)
		if i == 0 {
			heads = append(heads, "×")
		}
	}
	return append(heads, "")
}

// cells are a contestant's figures, and what there is to say about them.
func (r *Row) cells(l *Line) []string {
	switch {
	case l.Absent != "":
		return []string{"absent: " + l.Absent}
	case len(l.Failures) > 0:
		return []string{fmt.Sprintf("FAILED in %d of %d rounds: %s", len(l.Failures), len(l.Failures)+len(l.Rounds), shorten(l.Failures[0]))}
	}
	cells := []string{}
	for i, f := range r.Figures {
		v := r.value(l.Who, f.Key)
		cells = append(cells, f.Unit.Format(v))
		if i == 0 {
			cells = append(cells, ratio(v/r.value(Ours, f.Key)))
		}
	}
	return append(cells, l.remark())
}

func (l *Line) remark() string {
	var words []string
	if l.Floor {
		words = append(words, "floor")
	}
	if l.Durable {
		words = append(words, "durable")
	}
	return strings.Join(words, ", ")
}

func ratio(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return digits(v)
}

const longest = 160 // runes of a failure in the table; JSON has it whole

func shorten(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}

// printColumns aligns all but the last cell of each line, the first to the left.
func printColumns(w io.Writer, lines [][]string) {
	var width []int
	for _, cells := range lines {
		for i, c := range cells[:len(cells)-1] {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, cells := range lines {
		b := &strings.Builder{}
		for i, c := range cells {
			room := 0
			if i < len(cells)-1 {
				room = width[i] - utf8.RuneCountInString(c)
			}
			if i == 0 {
				fmt.Fprintf(b, "  %s%s", c, strings.Repeat(" ", room))
			} else {
				fmt.Fprintf(b, "  %s%s", strings.Repeat(" ", room), c)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// summary lists the rows that miss their mark.
func (t *Table) summary(w io.Writer) {
	reached := 0
	var missed []string
	for _, r := range t.Rows {
		if r.Reached {
			reached++
		} else {
			missed = append(missed, r.Name)
		}
	}
	fmt.Fprintf(w, "\n%d of %d rows reach their mark", reached, len(t.Rows))
	if len(missed) > 0 {
		fmt.Fprintf(w, "; these do not: %s", strings.Join(missed, ", "))
	}
	fmt.Fprintln(w)
}
