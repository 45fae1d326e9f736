package power

import (
	"os"
	"strconv"
	"testing"
)

// How big a run is: see doc.go.
type size int

const (
	ordinary size = iota
	ci
	long
)

func runSize() size {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return ordinary
}

// pick chooses one value for each size.
func (s size) pick(values ...int) int { return values[s] }

func number(t *testing.T, name string, unset int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return unset
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seeds are those that this run is to try.
func seeds(t *testing.T, unset int) (list []uint64) {
	t.Helper()
	first := number(t, "HYDRASYNC_SEED", 1)
	for i := range number(t, "HYDRASYNC_SEEDS", unset) {
		list = append(list, uint64(first+i))
	}
	return list
}
