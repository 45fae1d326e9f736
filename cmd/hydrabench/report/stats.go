package report

import (
	"math"
	"slices"
	"time"
)

// Median of values; the mean of the middle two if they are even in number, NaN of none.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	switch n := len(s); {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}

// Percentile is the smallest value that p per cent of the values do not exceed
// (the nearest-rank method); NaN of none.
func Percentile(values []float64, p float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(p / 100 * float64(len(s))))
	return s[min(max(rank, 1), len(s))-1]
}

// InSeconds converts durations to what figures are kept in.
func InSeconds(all []time.Duration) []float64 {
	values := make([]float64, len(all))
	for i, d := range all {
		values[i] = d.Seconds()
	}
	return values
}
