package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The measures of the chart, in its own pixels.
const (
	chartWidth = 880
	namesWidth = 168 // for contestants, left of the bars
	valueWidth = 96  // for figures, right of the longest bar
	barHeight  = 13
	barStep    = 18
	headHeight = 22
	groupGap   = 16
	topHeight  = 74
	axisHeight = 28
)

// The chart is looked at on white and on black: only the bars have colours of their own.
const chartStyle = `
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.row { font-weight: 600 }
.soft { fill: #6e7781 }
.value { font-variant-numeric: tabular-nums }
.grid { stroke: #d0d7de; stroke-width: 1 }
.mark { stroke: #bc4c00; stroke-width: 2 }
.ours { fill: #0969da }
.peer { fill: #8c959f }
.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.soft { fill: #8b949e }
.grid { stroke: #30363d }
.mark { stroke: #f0883e }
.ours { fill: #4493f8 }
.peer { fill: #6e7681 }
.floor { stroke: #8b949e }
}
`

// chart draws the rows whose first figure is a time, on one scale.
type chart struct {
	strings.Builder
	least, most float64 // powers of ten, in seconds
	y           float64
}

// SVG draws times as bars on a logarithmic scale, a group for each row. Rows that are
// about other things are left out. It is empty if there is nothing to draw.
func (t *Table) SVG() string {
	rows := t.timed()
	least, most := extremes(rows)
	if len(rows) == 0 || math.IsInf(least, 0) {
		return ""
	}
	c := &chart{least: math.Pow(10, math.Floor(math.Log10(least))), most: math.Pow(10, math.Ceil(math.Log10(most))), y: topHeight}
	if c.most == c.least {
		c.most *= 10
	}
	for _, r := range rows {
		c.group(r)
	}
	return c.whole(t)
}

// timed are the rows to draw, with at least one time in each.
func (t *Table) timed() (rows []*Row) {
	for _, r := range t.Rows {
		one := []*Row{r}
		if least, _ := extremes(one); len(r.Figures) > 0 && r.Figures[0].Unit == Seconds && !math.IsInf(least, 0) {
			rows = append(rows, r)
		}
	}
	return rows
}

// extremes are the shortest and the longest time.
func extremes(rows []*Row) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, l := range r.Lines {
			if v := r.value(l.Who, r.Figures[0].Key); v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	return least, most
}

// x is where a time lies; what is shorter than the scale lies at its beginning.
func (c *chart) x(seconds float64) float64 {
	part := math.Log10(max(seconds, c.least)/c.least) / math.Log10(c.most/c.least)
	return namesWidth + part*(chartWidth-namesWidth-valueWidth)
}

func (c *chart) group(r *Row) {
	c.y += headHeight
	c.text(8, c.y-7, "row", r.Title)
	top := c.y
	for _, l := range r.Lines {
		if l.Absent == "" {
			c.bar(r, l)
		}
	}
	for i, b := range r.Bounds {
		if b.Figure == r.Figures[0].Key && r.Marks[i].Limit > 0 && r.Marks[i].Limit <= c.most {
			x := c.x(r.Marks[i].Limit)
			fmt.Fprintf(c, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/>\n", x, x, top-1, top+barHeight+1)
		}
	}
	c.y += groupGap
}

func (c *chart) bar(r *Row, l *Line) {
	v := r.value(l.Who, r.Figures[0].Key)
	fmt.Fprintf(c, "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\"%s>%s</text>\n", namesWidth-8, c.y+barHeight-2, classIf(l.Who != Ours, "soft"), escape(l.Who))
	if math.IsNaN(v) {
		c.text(namesWidth+4, c.y+barHeight-2, "soft", "failed")
	} else {
		class := "peer"
		switch {
		case l.Who == Ours:
			class = "ours"
		case l.Floor:
			class = "floor"
		}
		end := c.x(v)
		fmt.Fprintf(c, "<rect class=\"%s\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, namesWidth, c.y, max(end-namesWidth, 2), barHeight)
		c.text(end+6, c.y+barHeight-2, "value", r.Figures[0].Unit.Format(v))
	}
	c.y += barStep
}

func classIf(yes bool, class string) string {
	if !yes {
		return ""
	}
	return ` class="` + class + `"`
}

func (c *chart) text(x, y float64, class, text string) {
	fmt.Fprintf(c, "<text x=\"%.1f\" y=\"%.0f\" class=\"%s\">%s</text>\n", x, y, class, escape(text))
}

// whole puts the frame around the groups: title, style, and the lines of the scale behind them.
func (c *chart) whole(t *Table) string {
	bottom := c.y
	height := bottom + axisHeight
	b := &strings.Builder{}
	fmt.Fprintf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\" aria-label=\"hydrasync and others at the same work\">\n<style>%s</style>\n",
		chartWidth, height, chartWidth, height, chartStyle)
	groups := c.String()
	c.Reset()
	c.text(8, 24, "title", "The same work, side by side: shorter is better")
	c.text(8, 44, "soft", "Medians of "+plural(t.Rounds, "round")+" on "+t.Machine+".")
	c.text(8, 60, "soft", "Logarithmic scale. Dashed: the machine by itself. Orange: what hydrasync is to reach.")
	for s := c.least; s <= c.most*1.01; s *= 10 {
		x := c.x(s)
		fmt.Fprintf(c, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\"/>\n", x, x, topHeight, bottom)
		fmt.Fprintf(c, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\" class=\"soft\">%s</text>\n", x, bottom+16, Seconds.Format(s))
	}
	b.WriteString(c.String())
	b.WriteString(groups)
	b.WriteString("</svg>\n")
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func escape(s string) string {
	b := &strings.Builder{}
	_ = xml.EscapeText(b, []byte(s)) // a Builder takes everything
	return b.String()
}
