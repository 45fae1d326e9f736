package report

import (
	"fmt"
	"math"
	"strings"
)

// Ours is the contestant that bounds are about.
const Ours = "hydrasync"

// Bound is what a figure of hydrasync has to keep for the row's mark to be reached: at most
// (or at least) Limit, or Limit times the figure of somebody in the same run.
type Bound struct {
	Figure  string  `json:"figure"`
	AtLeast bool    `json:"at_least,omitempty"`
	Limit   float64 `json:"limit"`
	Of      string  `json:"of,omitempty"`        // Limit multiplies a figure of this contestant
	OfKey   string  `json:"of_figure,omitempty"` // that figure; empty: the same
}

// Verdict is a bound, held against a row.
type Verdict struct {
	Text  string  `json:"text"`            // what was to be reached
	Got   string  `json:"got"`             // what was
	Limit float64 `json:"limit,omitempty"` // as a value of the figure
	OK    bool    `json:"ok"`              // it was reached
	Known bool    `json:"known"`           // all that it takes was measured
}

// Check holds a bound against a row.
func (b Bound) Check(r *Row) Verdict {
	figure := r.figure(b.Figure)
	got, limit := r.value(Ours, b.Figure), b.Limit
	v := Verdict{Got: figure.Unit.Format(got)}
	sign := "≤"
	if b.AtLeast {
		sign = "≥"
	}
	if b.Of == "" {
		v.Text = fmt.Sprintf("%s %s %s", figure.Label, sign, figure.Unit.Format(b.Limit))
	} else {
		other := b.Figure
		of := b.Of
		if b.OfKey != "" {
			other = b.OfKey
			of = strings.TrimSpace(strings.Replace(b.Of, Ours, "", 1) + " " + r.figure(other).Label)
		}
		base := r.value(b.Of, other)
		limit *= base
		v.Text = fmt.Sprintf("%s %s %s × %s", figure.Label, sign, digits(b.Limit), of)
		if ratio := got / base; !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			v.Got = fmt.Sprintf("%s × (%s)", digits(ratio), v.Got)
		}
	}
	if !math.IsNaN(limit) {
		v.Limit = limit
	}
	v.Known = !math.IsNaN(got) && !math.IsNaN(limit)
	v.OK = v.Known && (got <= limit && !b.AtLeast || got >= limit && b.AtLeast)
	return v
}
