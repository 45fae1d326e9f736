//go:build race

package trials

const (
	raceEnabled = true
	slack       = 4
)
