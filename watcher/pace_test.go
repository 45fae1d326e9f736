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
	s := newSchedule(100)
	s.event("log", oneName, after(5)) // heard while the log was looked at
	s.grew("log", after(5))
	if due, _ := s.next(); due != after(5).Add(appendPause) {
		t.Errorf("a line during the look is due after %v", due.Sub(after(5)))
	}
	log := s.take(after(500), 1)[0]
	s.event("log", oneName, after(501))
	if due, _ := s.next(); !log.grows || due != after(501) {
		t.Errorf("a line alone is due after %v", due.Sub(after(501)))
	}
	s.grew("log", after(501))
	s.event("log", oneName, after(502))
	s.event("other", oneName, after(503))
	if m := s.take(after(503), 9); len(m) != 1 || m[0].path != "other" || m[0].grows {
		t.Errorf("a line right after another is not put off, or something else is: %v", paths(m))
	}
}

func TestTheLinesOfALogDoNotWakeTheLooker(t *testing.T) {
	d := newDirty()
	woken := func() bool {
		select {
		case <-d.wake:
			return true
		default:
			return false
		}
	}
	d.next()
	d.hear("log", oneName)
	if !woken() {
		t.Error("the first line does not wake it")
	}
	d.take(time.Now(), 1)
	d.grew("log", time.Now().Add(time.Hour))
	d.hear("log", oneName)
	d.next()
	if d.hear("log", oneName); woken() {
		t.Error("a line that waits for others wakes it")
	}
	if d.hear("other", oneName); !woken() {
		t.Error("something else does not wake it")
	}
	if d.hear("third", oneName); woken() {
		t.Error("it is woken twice")
	}
}

func TestALogThatIsBeingWrittenIsReadAgainSoon(t *testing.T) {
	p := patience{20 * time.Millisecond, time.Second}
	for name, row := range map[string]struct {
		size  int64
		grows bool
		most  time.Duration
	}{
		"a small file":    {stateFrom - 1, false, blink},
		"a large file":    {1 << 30, false, busyPause},
		"a log, any size": {1 << 30, true, blink},
	} {
		s := sight{item: item{mark: mark{grows: row.grows}}, st: stat{size: row.size}}
		if m := p.torn(s.mark, after(0), s.cheap(), 0); m.due != after(0).Add(row.most) {
			t.Errorf("%s is read again after %v, want %v", name, m.due.Sub(after(0)), row.most)
		}
	}
}

func TestALargeFileThatAlwaysChangesIsNotReadAllTheTime(t *testing.T) {
	p := patience{20 * time.Millisecond, time.Second}
	var m mark
	const took = 10 * time.Second
	for try := range 20 {
		m = p.torn(m, after(0), false, took)
		if pause, want := m.due.Sub(after(0)), took*time.Duration(min(try+1, 4)); pause != want {
			t.Errorf("after reading %d it rests for %v, want %v", try+1, pause, want)
		}
	}
}
