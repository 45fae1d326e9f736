package report

import (
	"math"
	"slices"
)

// Table is all that a run found.
type Table struct {
	Machine   string `json:"machine"` // for people
	Hydrasync string `json:"hydrasync"`
	Rounds    int    `json:"rounds"`
	Quick     bool   `json:"quick,omitempty"`
	Rows      []*Row `json:"rows"`
}

// Row is one line of the table of marks: some contestants at the same work.
type Row struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Note    string    `json:"note,omitempty"` // what a reader has to know
	Figures []Figure  `json:"figures"`        // the first is what contestants are ranked by
	Lines   []*Line   `json:"lines"`
	Bounds  []Bound   `json:"bounds,omitempty"`
	Marks   []Verdict `json:"marks,omitempty"`
	Reached bool      `json:"reached"` // hydrasync did the work and every mark is reached
}

// Line is what one contestant did in a row.
type Line struct {
	Who      string               `json:"who"`
	Floor    bool                 `json:"floor,omitempty"`   // not a contestant: the machine itself
	Durable  bool                 `json:"durable,omitempty"` // what it has done is on the disk when it says so
	Rounds   []map[string]float64 `json:"rounds"`
	Medians  map[string]float64   `json:"medians"`
	Failures []string             `json:"failures,omitempty"`
	Absent   string               `json:"absent,omitempty"` // why it did not compete
}

// Add takes a round's figures, or why there are none.
func (l *Line) Add(values map[string]float64, err error) {
	if err != nil {
		l.Failures = append(l.Failures, err.Error())
		return
	}
	l.Rounds = append(l.Rounds, values)
}

// Close computes medians and verdicts once all rounds are in. A contestant that failed in
// any round has no medians: a time that is sometimes not reached is not a time.
func (r *Row) Close() {
	for _, l := range r.Lines {
		l.Medians = make(map[string]float64)
		if len(l.Failures) > 0 {
			continue
		}
		for _, f := range r.Figures {
			if values := l.all(f.Key); len(values) > 0 {
				l.Medians[f.Key] = Median(values)
			}
		}
	}
	ours := r.line(Ours)
	r.Reached = ours != nil && len(ours.Failures) == 0 && len(ours.Rounds) > 0
	r.Marks = nil
	for _, b := range r.Bounds {
		v := b.Check(r)
		r.Marks = append(r.Marks, v)
		r.Reached = r.Reached && v.OK
	}
}

func (l *Line) all(key string) (values []float64) {
	for _, round := range l.Rounds {
		if v, ok := round[key]; ok {
			values = append(values, v)
		}
	}
	return values
}

func (r *Row) line(who string) *Line {
	i := slices.IndexFunc(r.Lines, func(l *Line) bool { return l.Who == who })
	if i < 0 {
		return nil
	}
	return r.Lines[i]
}

// value is a median; NaN if it was not measured.
func (r *Row) value(who, key string) float64 {
	if l := r.line(who); l != nil {
		if v, ok := l.Medians[key]; ok {
			return v
		}
	}
	return math.NaN()
}

func (r *Row) figure(key string) Figure {
	for _, f := range r.Figures {
		if f.Key == key {
			return f
		}
	}
	return Figure{Key: key, Label: key, Unit: Count}
}
