package watcher

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func paths(marks []mark) (all []string) {
	for _, m := range marks {
		all = append(all, fmt.Sprint(m.path, "/", m.scope))
	}
	return all
}

func TestScheduleOrdersByDue(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSchedule(100)
	s.event("a", oneName, now)
	s.later(mark{path: "b", first: now, last: now, due: now.Add(-time.Second), held: true})
	s.later(mark{path: "c", first: now, last: now, due: now.Add(time.Second), held: true})
	s.event("c", oneName, now) // held: an event does not bring it forward
	if got := fmt.Sprint(paths(s.take(now, 10))); got != "[b/0 a/0]" {
		t.Errorf("due now: %s", got)
	}
	if due, ok := s.next(); !ok || due != now.Add(time.Second) {
		t.Errorf("next %v %v", due, ok)
	}
	if got := fmt.Sprint(paths(s.take(now.Add(time.Second), 10))); got != "[c/0]" {
		t.Errorf("due later: %s", got)
	}
}

func TestScheduleKeepsTheFirstTimeOfAPath(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSchedule(100)
	s.event("a", oneName, now.Add(time.Second))
	s.later(mark{path: "a", first: now, last: now, tries: 3})
	m := s.take(now.Add(time.Second), 1)[0]
	if m.first != now || m.last != now.Add(time.Second) || m.tries != 3 {
		t.Errorf("got %+v", m)
	}
}

func TestScheduleWidensAndForgetsNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	t.Run("names become their directory", func(t *testing.T) {
		s := newSchedule(100)
		for i := range 90 {
			s.event(fmt.Sprintf("big/%d", i), oneName, now)
		}
		for i := range 30 {
			s.event(fmt.Sprintf("d%d/f", i), oneName, now)
		}
		s.event("big/another", oneName, now)
		marks := s.take(now, 1000)
		if len(marks) != 31 {
			t.Errorf("%d marks, want 30 names and one directory", len(marks))
		}
	})
	t.Run("directories become the tree", func(t *testing.T) {
		s := newSchedule(100)
		for i := range 1000 {
			s.event(fmt.Sprintf("d%d/f", i), oneName, now)
		}
		if got := fmt.Sprint(paths(s.take(now, 1000))); got != "[/2]" {
			t.Errorf("got %s, want the root's subtree", got)
		}
	})
}

func TestPatienceHasUpperBounds(t *testing.T) {
	p := patience{quiet: 20 * time.Millisecond, max: time.Second}
	synctest.Test(t, func(t *testing.T) {
		d := newDirty()
		begin := time.Now()
		d.hear("f", oneName)
		probes := 0
		for { // a file that is written every 5 ms, for ever
			now := time.Now()
			marks := d.take(now, 10)
			if len(marks) == 1 {
				if p.ripe(&marks[0], now) {
					break
				}
				probes++
				d.later(p.writing(marks[0], now))
			}
			due, ok := d.next()
			if !ok {
				t.Fatal("the path was forgotten")
			}
			if time.Since(begin) > 10*p.max {
				t.Fatal("it is never ripe")
			}
			time.Sleep(min(time.Until(due), 5*time.Millisecond))
			d.hear("f", oneName)
		}
		if took := time.Since(begin); took < p.max || took > p.max+p.quiet {
			t.Errorf("ripe after %v, want max-wait", took)
		}
		if probes > 250 {
			t.Errorf("%d probes in a second", probes)
		}
	})
}

func TestQuietFileIsRipeAfterTheWindow(t *testing.T) {
	p := patience{quiet: 20 * time.Millisecond, max: time.Second}
	now := time.Unix(1000, 0)
	m := mark{path: "f", first: now, last: now}
	for tries := 0; ; tries++ {
		m = p.writing(m, now)
		if now = m.due; p.ripe(&m, now) {
			break
		}
		if tries > 20 {
			t.Fatal("never ripe")
		}
	}
	if took := now.Sub(m.first); took > 2*p.quiet {
		t.Errorf("ripe after %v", took)
	}
}
