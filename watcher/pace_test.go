package watcher

import (
	"testing"
	"time"
)

// after is a moment of a case, in milliseconds.
func after(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestASingleChangeNeverWaitsAndABurstDoes(t *testing.T) {
	type looked struct{ paths, began, ended int }
	cases := []struct {
		name    string
		looks   []looked
		heard   int // ms
		waiting int
		now     int
		want    int
	}{
		{"the first change", nil, 0, 1, 0, 0},
		{"a line of a log each 5 ms", []looked{{1, 0, 1}, {1, 5, 6}, {1, 10, 11}, {1, 15, 16}}, 20, 1, 20, 20},
		{"a burst that goes on waits", []looked{{200, 0, 10}}, 40, 100, 40, 50},
		{"... until its period is over", []looked{{200, 0, 10}}, 79, 100, 80, 80},
		{"... but is left alone for as long as the look took", []looked{{200, 0, 100}}, 179, 100, 179, 200},
		{"... up to a bound", []looked{{200, 0, 900}}, 1149, 100, 1149, 1150},
		{"a burst that pauses is looked at", []looked{{200, 0, 2}}, 30, 100, 30, 35},
		{"... after a longer pause where looks take long", []looked{{200, 0, 60}}, 70, 100, 70, 95},
		{"many paths at once are a burst", []looked{{1, 0, 10}}, 12, 100, 12, 22},
		{"a full look never waits", []looked{{4096, 0, 90}}, 91, maxLook, 91, 91},
		{"a burst is forgotten", []looked{{200, 0, 10}}, 500, 1, 500, 500},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			for _, l := range c.looks {
				p.looked(l.paths, after(l.began), after(l.ended))
			}
			if got := later(p.until(after(c.now), after(c.heard), c.waiting), after(c.now)); !got.Equal(after(c.want)) {
				t.Errorf("the next look at %d ms, want %d ms", got.Sub(after(0)).Milliseconds(), c.want)
			}
		})
	}
}

func TestTheWindowOfAnAbsenceBeginsWithTheLookThatMissesIt(t *testing.T) {
	p := patience{20 * time.Millisecond, time.Second}
	s := newSchedule(10)
	s.event("a", oneName, after(0))
	m := s.take(after(80), 1)[0] // a burst: the event is old
	if p.missed(&m, after(80)) {
		t.Error("missed at the first look")
	}
	s.later(p.absent(m, after(80)))
	m = s.take(after(100), 1)[0]
	if !p.missed(&m, after(100)) {
		t.Error("not missed after its window")
	}
	s.later(p.absent(m, after(100)))
	s.event("a", oneName, after(101))
	if m = s.take(after(101), 1)[0]; p.missed(&m, after(101)) {
		t.Error("missed at once after an event")
	}
}

func TestLinesOfALogWaitForEachOtherOnly(t *testing.T) {
	p := patience{20 * time.Millisecond, time.Second}
	if _, wait := p.growing(mark{}, after(1000), after(0)); wait {
		t.Error("a line alone waits")
	}
	if m, wait := p.growing(mark{}, after(5), after(0)); !wait || !m.due.Equal(after(0).Add(appendPause)) || !m.held {
		t.Errorf("a line right after another: %v, due at %v", wait, m.due.Sub(after(0)))
	}
}
