package stand

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Size chooses by HYDRASYNC_FAULTS how much a campaign does.
func Size(usual, ci, long int) int {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return usual
}

// Number is a variable of the environment, or what it is when unset.
func Number(t testing.TB, name string, unset int) int {
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

// Seeds are those that a campaign is to try: so many, from first on, unless
// HYDRASYNC_SEED and HYDRASYNC_SEEDS say otherwise.
func Seeds(t testing.TB, first, many int) (list []uint64) {
	t.Helper()
	first = Number(t, "HYDRASYNC_SEED", first)
	for i := range Number(t, "HYDRASYNC_SEEDS", many) {
		list = append(list, uint64(first+i))
	}
	return list
}

// Seed is another one in every run.
func Seed(t testing.TB) uint64 {
	t.Helper()
	return uint64(Number(t, "HYDRASYNC_SEED", int(time.Now().UnixNano())))
}
