package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit says how a figure is written.
type Unit string

// The units. Figures are kept in seconds, bytes, parts of one and plain numbers.
const (
	Seconds   Unit = "s"
	Bytes     Unit = "B"
	Share     Unit = "share" // of one core, say; shown in per cent
	Count     Unit = "count"
	PerSecond Unit = "1/s"
)

// Figure is one thing that a row measures.
type Figure struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Unit  Unit   `json:"unit"`
}

// Format writes a value for people, three digits long.
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case u == Seconds:
		return duration(v)
	case u == Bytes:
		return scaled(v, 1024, " B", " KiB", " MiB", " GiB", " TiB")
	case u == Share:
		return digits(v*100) + " %"
	case u == PerSecond:
		return scaled(v, 1000, "/s", "k/s", "M/s")
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func duration(s float64) string {
	switch a := math.Abs(s); {
	case a < float64(time.Millisecond)/1e9:
		return digits(s*1e6) + " µs"
	case a < 1:
		return digits(s*1e3) + " ms"
	}
	return digits(s) + " s"
}

func scaled(v, step float64, units ...string) string {
	i := 0
	for ; math.Abs(v) >= step && i < len(units)-1; i++ {
		v /= step
	}
	return digits(v) + units[i]
}

// digits keeps three that count, and no zeros after a point.
func digits(v float64) string {
	decimals := 0
	for a := math.Abs(v); a < 100 && a > 0 && decimals < 2; a *= 10 {
		decimals++
	}
	text := fmt.Sprintf("%.*f", decimals, v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
