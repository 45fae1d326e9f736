package plan

import (
	"slices"
	"strings"
)

// Stop is a tree as a machine serves it.
type Stop struct{ Machine, Tree string }

// Way is a highway of a relay: what it serves, and where it may come from. A
// source that the plan does not know is empty.
type Way struct {
	To   Stop
	From []Stop
}

// Circle finds relays that have nobody but one another to come from, and writes the
// circle out; the index is that of a way in it.
func Circle(ways []Way) (at int, text string, found bool) {
	relay := map[Stop]int{}
	for i, w := range ways {
		relay[w.To] = i
	}
	fed := make([]bool, len(ways))
	for changed := true; changed; {
		changed = false
		for i, w := range ways {
			if fed[i] {
				continue
			}
			fed[i] = slices.ContainsFunc(w.From, func(s Stop) bool {
				above, is := relay[s]
				return !is || fed[above]
			})
			changed = changed || fed[i]
		}
	}
	at = slices.Index(fed, false)
	if at < 0 {
		return 0, "", false
	}
	var names []string
	seen := map[int]int{}
	for i := at; ; i = relay[ways[i].From[0]] {
		if first, again := seen[i]; again {
			names = append(names[first:], ways[i].To.Machine)
			break
		}
		seen[i] = len(names)
		names = append(names, ways[i].To.Machine)
	}
	slices.Reverse(names) // from source to city
	return at, strings.Join(names, " → "), true
}
