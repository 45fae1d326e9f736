package watcher

import (
	"strings"
	"time"
)

// patience are the delays of the write-complete rule and what follows from
// them. All of it is arithmetic on times that the caller gives.
type patience struct{ quiet, max time.Duration }

const (
	firstProbe  = 250 * time.Microsecond // after "somebody writes", ask again so soon, then doubling
	probeShare  = 4                      // ... up to this part of the quiet window
	appendPause = 13 * time.Millisecond  // a growing log is looked at so often at most: each time costs a flush
	blink       = 2 * time.Millisecond   // events of one burst of renames arrive within it, and the rename after a close
	tornShare   = 4                      // a large file that always changes is read for this part of the time, and one more
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
	m.open = true
	wait := min(firstProbe<<min(m.tries, 10), p.quiet/probeShare)
	return p.hold(m, now, now.Add(max(wait, firstProbe)))
}

// unknown puts off a file of which nobody can say who writes: until it is ripe.
func (p patience) unknown(m mark, now time.Time) mark { return p.hold(m, now, m.last.Add(p.quiet)) }

// growing puts off a log that was appended a moment ago: its next lines wait for
// each other.
func (p patience) growing(m mark, appended time.Time) mark {
	if until := appended.Add(appendPause); m.due.Before(until) {
		m.held, m.due = true, until
	}
	return m
}

// closed puts off a new file that was open for writing a moment ago: it may be
// the temporary file of a save, about to be renamed over another; if its name says so,
// it has a quiet window for it.
func (p patience) closed(m mark, now time.Time, provisional bool) mark {
	m.open = false
	if provisional {
		return p.hold(m, now, now.Add(p.quiet))
	}
	return p.hold(m, now, now.Add(blink))
}

// provisional says that a name looks like one that a program gives to a file until it is
// whole: hidden (GNOME, rsync), or with a mark that editors and downloaders use.
func provisional(name string) bool {
	if name == "" || name[0] == '.' || name[0] == '#' {
		return name != ""
	}
	for _, sign := range []string{"~", "tmp", "temp", ".swp", ".part", ".new", "4913"} {
		if strings.Contains(name, sign) {
			return true
		}
	}
	return false
}

// torn puts off a file that changed while it was read, for as long as that took. A write
// just began or ended, so a small one is read again soon; but it may be written without end, so
// the pauses grow: up to max-wait, or to a few times of what a reading takes.
func (p patience) torn(m mark, now time.Time, small bool, took time.Duration) mark {
	m.tears++
	m.held = true
	pause := max(min(busyPause*time.Duration(m.tears), p.max), took*time.Duration(min(m.tears, tornShare)))
	if small {
		pause = min(pause, blink<<min(m.tears-1, 10))
	}
	m.due = now.Add(pause)
	return m
}

// absent puts off a name that is not there: for one quiet window it may turn up
// elsewhere, or again. The window begins with the look that misses it: in a burst
// its event may be old, and the one that tells where it went still unread. An event
// brings it forward.
func (p patience) absent(m mark, now time.Time) mark {
	if m.since.IsZero() {
		m.since = now
	}
	m.due = later(m.since.Add(p.quiet), now.Add(p.quiet/probeShare))
	return m
}

// missed says that an absent name has had its window.
func (p patience) missed(m *mark, now time.Time) bool {
	return !m.since.IsZero() && now.Sub(m.since) >= p.quiet
}

// replaced puts off a name that shows another inode than the journal knows. False:
// it has had its window, or max-wait has passed.
func (p patience) replaced(m mark, now time.Time, window time.Duration) (mark, bool) {
	if m.since.IsZero() {
		m.since = now
	}
	m.due = earlier(m.since.Add(window), m.first.Add(p.max))
	return m, now.Before(m.due)
}

func (p patience) hold(m mark, now, until time.Time) mark {
	m.tries++
	m.held = true
	m.due = later(earlier(until, m.first.Add(p.max)), now.Add(firstProbe))
	return m
}
