package report_test

import (
	"math"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"one", []float64{3}, 3},
		{"an odd number, unsorted", []float64{9, 1, 5}, 5},
		{"an even number", []float64{4, 1, 3, 2}, 2.5},
		{"one outlier changes nothing", []float64{1, 1, 1, 1, 1000}, 1},
		{"none", nil, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) { same(t, report.Median(c.values), c.want) })
	}
}

func TestMedianLeavesItsArgumentAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	report.Median(values)
	if values[0] != 3 || values[1] != 1 {
		t.Errorf("sorted to %v", values)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i) // 100 … 1
	}
	for _, c := range []struct {
		name   string
		values []float64
		p      float64
		want   float64
	}{
		{"99th of a hundred is the last but one", hundred, 99, 99},
		{"100th is the largest", hundred, 100, 100},
		{"50th", hundred, 50, 50},
		{"0th is the smallest", hundred, 0, 1},
		{"99th of ten is the largest", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 99, 10},
		{"of none", nil, 99, math.NaN()},
	} {
		t.Run(c.name, func(t *testing.T) { same(t, report.Percentile(c.values, c.p), c.want) })
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit report.Unit
		v    float64
		want string
	}{
		{report.Seconds, 0.0000281, "28.1 µs"},
		{report.Seconds, 0.005, "5 ms"},
		{report.Seconds, 0.00123, "1.23 ms"},
		{report.Seconds, 0.9994, "999 ms"},
		{report.Seconds, 157.3, "157 s"},
		{report.Seconds, 0, "0 µs"},
		{report.Bytes, 631, "631 B"},
		{report.Bytes, 1.1 * (1 << 20), "1.1 MiB"},
		{report.Bytes, -2048, "-2 KiB"},
		{report.Share, 0.001, "0.1 %"},
		{report.PerSecond, 104000, "104k/s"},
		{report.Count, 3, "3"},
		{report.Seconds, math.NaN(), "–"},
	} {
		if got := c.unit.Format(c.v); got != c.want {
			t.Errorf("%s.Format(%v) is %q, want %q", c.unit, c.v, got, c.want)
		}
	}
}

func same(t *testing.T, got, want float64) {
	t.Helper()
	if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("got %v, want %v", got, want)
	}
}
