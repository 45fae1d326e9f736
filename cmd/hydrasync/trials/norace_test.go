//go:build !race

package trials

const (
	raceEnabled = false
	slack       = 1
)
