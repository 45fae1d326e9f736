package watcher

import "time"

// patience are the delays of the write-complete rule and what follows from
// them. All of it is arithmetic on times that the caller gives.
type patience struct{ quiet, max time.Duration }

const (
	firstProbe  = 250 * time.Microsecond // after "somebody writes", ask again so soon, then doubling
	probeShare  = 4                      // ... up to this part of the quiet window
	appendPause = 3 * time.Millisecond   // a growing log is read so often at most
	blink       = 2 * time.Millisecond   // events of one burst of renames arrive within it
	busyPause   = 50 * time.Millisecond  // a file that changes while it is read, per try
)

// ripe says that a path has waited long enough, whoever still writes.
func (p patience) ripe(m *mark, now time.Time) bool {
	return now.Sub(m.last) >= p.quiet || now.Sub(m.first) >= p.max
}

// writing puts off a file that somebody holds open for writing: the next
// probe comes soon, because closing a file makes no event; and once the quiet
// window or max-wait has passed it is ripe.
func (p patience) writing(m mark, now time.Time) mark {
	wait := min(firstProbe<<min(m.tries, 10), p.quiet/probeShare)
	return p.hold(m, now, now.Add(max(wait, firstProbe)))
}

// unknown puts off a file of which nobody can say who writes: until it is ripe.
func (p patience) unknown(m mark, now time.Time) mark { return p.hold(m, now, m.last.Add(p.quiet)) }

// growing puts off a log whose lines come faster than they need to be read.
func (p patience) growing(m mark, now time.Time) mark {
	return p.hold(m, now, m.first.Add(appendPause))
}

// torn puts off a file that changed while it was read. It may be written
// without end, so the pauses grow, up to max-wait.
func (p patience) torn(m mark, now time.Time) mark {
	m.tries++
	m.held = true
	m.due = now.Add(min(busyPause*time.Duration(m.tries), p.max))
	return m
}

// absent puts off a name that is not there: for one quiet window it may turn up
// elsewhere, or again. An event brings it forward.
func (p patience) absent(m mark, now time.Time) mark {
	m.due = later(m.first.Add(p.quiet), now.Add(p.quiet/probeShare))
	return m
}

// missed says that an absent name has had its window.
func (p patience) missed(m *mark, now time.Time) bool { return now.Sub(m.first) >= p.quiet }

func (p patience) hold(m mark, now, until time.Time) mark {
	m.tries++
	m.held = true
	m.due = later(earlier(until, m.first.Add(p.max)), now.Add(firstProbe))
	return m
}
