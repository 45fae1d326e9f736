package crash

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// killed runs the script with a kill, starts the victim again and says what is
// not as it should be.
func killed(dir, victim string, s *strike) (hit bool, total int, err error) {
	w, err := newScene(dir, victim, s)
	if err != nil {
		return false, 0, err
	}
	defer func() { err = errors.Join(err, w.end(err != nil)) }()
	if err := w.begin(); err != nil {
		return false, 0, err
	}
	during, err := w.play()
	if err != nil {
		return false, 0, err
	}
	hit, total = w.struck().struck() != "", w.struck().total()
	if code := w.struck().Code(); hit != (code == 137) {
		return hit, total, fmt.Errorf("the %s ended with %d:\n%s", victim, code, last(w.struck().Printed()))
	}
	if err := w.restart(nil); err != nil {
		return hit, total, err
	}
	if err := w.mustBecomeWhole(); err != nil {
		return hit, total, fmt.Errorf("%s in phase %d: %w", w.struck().struck(), during, err)
	}
	return hit, total, errors.Join(w.sparseStays(), w.secondOpinions(), w.resumed(during))
}

// play runs the script, phase by phase, until the victim is dead: then one more
// phase while it is. If nobody died, the victim is stopped, in which it may die too.
func (w *scene) play() (during int, err error) {
	for i := range script {
		if i > 0 {
			if err := w.source.do(i); err != nil {
				return i, err
			}
		}
		if w.struck().Ended() {
			continue
		}
		err := w.wait("phase "+script[i].name, func() bool { return w.reached(i) || w.struck().Ended() }, w.other())
		if err != nil {
			return i, err
		}
		if during = i; i == 0 {
			if err := w.proof(); err != nil {
				return i, err
			}
		}
	}
	if !w.struck().Ended() {
		during = len(script)
		return during, w.struck().stop()
	}
	return during, nil
}

// proof waits until both ends know the first tree to be equal, and lets strangers into it.
func (w *scene) proof() error {
	err := w.wait("the first proof", func() bool {
		r, err := w.askCity()
		w.proven = err == nil && r.Highway.InStep
		return w.proven || w.struck().Ended() || w.struck().struck() != ""
	}, w.other())
	if err == nil && w.proven {
		err = w.plant()
	}
	return err
}

func (w *scene) other() *process {
	if w.victim == "city" {
		return w.capitol
	}
	return w.city
}

func (w *scene) secondOpinions() error {
	return errors.Join(w.verified(), secondOpinion(w.src, w.dst))
}

// resumed says whether the city went on where it was: a kill loses no position.
func (w *scene) resumed(during int) error {
	r, err := w.askCity()
	if err == nil && w.proven && r.Highway.Mode == "full comparison" {
		err = fmt.Errorf("after a kill in phase %d the trees were compared: %s", during, r.Highway.Reason)
	}
	return err
}

// counted is how many calls a victim makes in the script, on that file system.
func counted(t *testing.T, p place, victim string) int {
	t.Helper()
	counts.Lock()
	defer counts.Unlock()
	key := p.name + victim
	if counts.by[key] == 0 {
		_, total, err := killed(p.dir, victim, &strike{at: "entry", calls: mutating})
		if err != nil {
			t.Fatalf("%s %s without any kill: %v", p.name, victim, err)
		}
		counts.by[key] = total
	}
	return counts.by[key]
}

var counts = struct {
	sync.Mutex
	by map[string]int
}{by: make(map[string]int)}

// TestCampaignCrashKill kills city and capitol at every call, or at some of all.
func TestCampaignCrashKill(t *testing.T) {
	c := newCampaign(t, "crash kills")
	for _, p := range c.places(t) {
		for _, victim := range []string{"city", "capitol"} {
			c.kills(p, victim, counted(t, p, victim))
		}
	}
	c.most(stand.Size(8, 30, 0))
	c.run(t, func(p point) (string, error) {
		hit, _, err := killed(p.dir, p.victim, &strike{at: p.at, n: p.n, calls: mutating})
		if !hit {
			return "not reached", err
		}
		return "", err
	})
}
