package watcher

import (
	"slices"
	"sync"
	"time"
)

// maxDirty names wait singly before they are widened to directories: some two
// megabytes, and more than an editor, a compiler or a checkout makes in one quiet window.
const maxDirty = 16 << 10

// dirty is the schedule as goroutines share it. Nothing here ever blocks, so the
// goroutine that drains the kernel's queue never waits for work.
type dirty struct {
	mu   sync.Mutex
	s    *schedule
	wake chan struct{} // one token: something may be due earlier than was thought

	last     time.Time // an event was heard
	asleep   time.Time // until then the looker sleeps, if nothing wakes it; zero: it will ask
	settling []settling
}

// settling waits until nothing is left of what was dirty at a moment.
type settling struct {
	at   time.Time
	done chan struct{}
}

func newDirty() *dirty { return &dirty{s: newSchedule(maxDirty), wake: make(chan struct{}, 1)} }

// hear is a [hints] for one path.
func (d *dirty) hear(path string, sc scope) {
	now := time.Now()
	d.mu.Lock()
	d.s.event(path, sc, now)
	d.last = now
	d.rouse()
	d.mu.Unlock()
}

// later takes back what a look could not settle.
func (d *dirty) later(marks ...mark) {
	if len(marks) == 0 {
		return
	}
	d.mu.Lock()
	for _, m := range marks {
		d.s.later(m)
	}
	d.rouse()
	d.mu.Unlock()
}

// grew says that a file, which somebody holds open, was appended: its next lines wait for each other.
func (d *dirty) grew(path string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s.grew(path, now)
}

// forever is when a looker wakes that nothing is due for.
var forever = time.Unix(1<<40, 0)

// rouse wakes the looker if something is due before it wakes by itself. The lines
// of a log do not: each waking costs as much as hearing it.
func (d *dirty) rouse() {
	if due, ok := d.s.next(); ok && due.Before(d.asleep) {
		d.asleep = time.Time{}
		d.poke()
	}
}

// settled is closed once everything that is dirty now has been looked at and
// needs no second look: an absence has had its window, say. Max-wait bounds it.
func (d *dirty) settled() <-chan struct{} {
	s := settling{time.Now(), make(chan struct{})}
	d.mu.Lock()
	d.settling = append(d.settling, s)
	d.mu.Unlock()
	d.poke()
	return s.done
}

// take is called between two looks: then nothing is out that would come back.
func (d *dirty) take(now time.Time, n int) []mark {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settling = slices.DeleteFunc(d.settling, func(s settling) bool {
		if d.s.since(s.at) {
			return false
		}
		close(s.done)
		return true
	})
	return d.s.take(now, n)
}

// next is asked by the looker before it sleeps until then.
func (d *dirty) next() (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	due, ok := d.s.next()
	if d.asleep = due; !ok {
		d.asleep = forever
	}
	return due, ok
}

// quiet says that nothing is dirty, and that the looker has nothing in hand.
func (d *dirty) quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.s.marks) == 0 && d.asleep.Equal(forever)
}

// heard is when an event came last, and how many paths wait.
func (d *dirty) heard() (last time.Time, waiting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, len(d.s.marks)
}

func (d *dirty) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.s.marks)
}

// shrink gives back the room that many paths took, if none waits.
func (d *dirty) shrink() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.s.marks) == 0 {
		d.s = newSchedule(d.s.limit)
	}
	clear(d.s.growing)
}

func (d *dirty) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
