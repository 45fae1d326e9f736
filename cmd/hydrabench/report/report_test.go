package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample has everything that a table can show: a mark that is reached and one that
// is missed, a floor, an absence, a failure, a row without times.
func sample() *report.Table {
	times := []report.Figure{{Key: "time", Label: "time", Unit: report.Seconds}, {Key: "wire", Label: "on the wire", Unit: report.Bytes}}
	copyRow := &report.Row{Name: "copy", Title: "copy <of> a tree & more", Note: "from start to end", Figures: times,
		Bounds: []report.Bound{{Figure: "time", Limit: 0.9, Of: "rsync -a"}, {Figure: "wire", Limit: 1 << 20},
			{Figure: "time", Limit: 2, Of: "never"}},
		Lines: []*report.Line{
			line("hydrasync", false, true, round(0.8, 2<<20), round(0.6, 2<<20), round(0.7, 2<<20)),
			line("rsync -a", false, false, round(1, 0), round(1.1, 0), round(0.9, 0)),
			{Who: "lsyncd", Absent: "lsyncd is not on PATH"},
			line("cp -a", true, false, round(0.5, 0)),
		}}
	broken := line("loop", false, false, round(5, 0))
	broken.Add(nil, errors.New("the trees differ: \"a\": content\nand more that is not for the table"))
	copyRow.Lines = append(copyRow.Lines, broken)
	rest := &report.Row{Name: "rest", Title: "at rest", Figures: []report.Figure{{Key: "rss", Label: "resident", Unit: report.Bytes}},
		Bounds: []report.Bound{{Figure: "rss", Limit: 40 << 20}},
		Lines:  []*report.Line{line("hydrasync", false, true, map[string]float64{"rss": 30 << 20})}}
	t := &report.Table{Machine: "2 cores, Linux", Hydrasync: "hydrasync v0", Rounds: 3, Rows: []*report.Row{copyRow, rest}}
	for _, r := range t.Rows {
		r.Close()
	}
	return t
}

func line(who string, floor, durable bool, rounds ...map[string]float64) *report.Line {
	l := &report.Line{Who: who, Floor: floor, Durable: durable}
	for _, r := range rounds {
		l.Add(r, nil)
	}
	return l
}

func round(time, wire float64) map[string]float64 {
	m := map[string]float64{"time": time}
	if wire > 0 {
		m["wire"] = wire
	}
	return m
}

func TestTextIsGolden(t *testing.T) {
	var out bytes.Buffer
	sample().Text(&out)
	golden(t, "table.txt", out.String())
}

func TestSVGIsGolden(t *testing.T) {
	svg := sample().SVG()
	golden(t, "chart.svg", svg)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
}

func TestSVGOfNothingIsEmpty(t *testing.T) {
	if got := (&report.Table{}).SVG(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestJSONComesBack(t *testing.T) {
	text, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var back report.Table
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	var want, got bytes.Buffer
	sample().Text(&want)
	back.Text(&got)
	if want.String() != got.String() {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want.String())
	}
}

func TestWhatCountsAsReached(t *testing.T) {
	figures := []report.Figure{{Key: "time", Label: "time", Unit: report.Seconds}}
	for _, c := range []struct {
		name  string
		bound report.Bound
		ours  *report.Line
		want  bool
	}{
		{"beneath the limit", report.Bound{Figure: "time", Limit: 2}, line(report.Ours, false, true, round(1, 0)), true},
		{"above the limit", report.Bound{Figure: "time", Limit: 2}, line(report.Ours, false, true, round(3, 0)), false},
		{"at least", report.Bound{Figure: "time", Limit: 2, AtLeast: true}, line(report.Ours, false, true, round(3, 0)), true},
		{"too little", report.Bound{Figure: "time", Limit: 2, AtLeast: true}, line(report.Ours, false, true, round(1, 0)), false},
		{"a multiple of another", report.Bound{Figure: "time", Limit: 0.5, Of: "peer"}, line(report.Ours, false, true, round(1.9, 0)), true},
		{"too large a multiple", report.Bound{Figure: "time", Limit: 0.5, Of: "peer"}, line(report.Ours, false, true, round(2.1, 0)), false},
		{"a peer that is not there", report.Bound{Figure: "time", Limit: 9, Of: "nobody"}, line(report.Ours, false, true, round(1, 0)), false},
		{"a figure that was not measured", report.Bound{Figure: "wire", Limit: 9}, line(report.Ours, false, true, round(1, 0)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &report.Row{Name: "r", Figures: figures, Bounds: []report.Bound{c.bound},
				Lines: []*report.Line{c.ours, line("peer", false, false, round(4, 0))}}
			r.Close()
			if r.Reached != c.want {
				t.Errorf("reached is %v, want %v: %+v", r.Reached, c.want, r.Marks)
			}
		})
	}
}

func TestOneFailedRoundIsAFailure(t *testing.T) {
	ours := line(report.Ours, false, true, round(1, 0), round(1, 0))
	ours.Add(nil, errors.New("not equal"))
	r := &report.Row{Figures: []report.Figure{{Key: "time", Unit: report.Seconds}}, Lines: []*report.Line{ours}}
	r.Close()
	if r.Reached || len(ours.Medians) != 0 {
		t.Errorf("reached %v with medians %v", r.Reached, ours.Medians)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", name, got)
	}
}
