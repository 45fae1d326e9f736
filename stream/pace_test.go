package stream

import (
	"testing"
	"time"
)

// link plays writes of 1 MiB to a link of some speed, packed to some ratio.
type link struct {
	*pace
	now time.Time
}

func (l *link) write(mib int, speed, ratio float64) {
	for range mib {
		n := float64(1 << 20)
		if l.pays.Load() {
			l.gained(int(n), int(n*ratio))
			n *= ratio
		}
		began := l.now
		l.now = l.now.Add(time.Duration(n / speed * 1e9))
		l.note(int(n), began, l.now)
	}
}

func TestPackingFollowsWhatItSaves(t *testing.T) {
	const mbit = 1e6 / 8
	for _, c := range []struct {
		name         string
		local        bool
		speed, ratio float64
		want         bool
	}{
		{"a busy city on this machine", true, 200e6, 0.3, false},
		{"an ssh tunnel", true, 10e6, 0.3, true},
		{"50 Mbit/s", false, 50 * mbit, 0.3, true},
		{"50 Mbit/s, nothing to gain", false, 50 * mbit, 0.99, false},
		{"1 Gbit/s", false, 1000 * mbit, 0.4, true},
		{"1 Gbit/s, little to gain", false, 1000 * mbit, 0.8, false},
		{"10 Gbit/s", false, 10000 * mbit, 0.3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := link{newPace(c.local), time.Unix(0, 0)}
			if l.pays.Load() == c.local {
				t.Fatalf("packs at first: %v", !c.local)
			}
			for seen := 0; ; seen++ {
				l.write(32, c.speed, c.ratio)
				if l.pays.Load() == c.want {
					return
				}
				if seen > 8 {
					t.Fatalf("packs: %v, want %v", !c.want, c.want)
				}
			}
		})
	}
}

func TestOtherBytesGetAnotherAttempt(t *testing.T) {
	l := link{newPace(false), time.Unix(0, 0)}
	l.write(32, 50e6, 1)
	if l.pays.Load() {
		t.Fatal("packs what does not shrink")
	}
	for range 256 {
		if l.write(1, 50e6, 0.3); l.pays.Load() {
			return
		}
	}
	t.Error("never tried again")
}

func TestChangesNowAndThenSayNothingAboutALink(t *testing.T) {
	l := link{newPace(false), time.Unix(0, 0)}
	for range 100 {
		l.write(1, 10e9, 0.3) // into an empty buffer
		l.now = l.now.Add(time.Second)
	}
	if !l.pays.Load() {
		t.Error("took the socket's buffer for the link")
	}
}
