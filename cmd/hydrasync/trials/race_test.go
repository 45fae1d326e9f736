//go:build race

package trials

const raceEnabled = true

var buildFlags = []string{"-race"}
