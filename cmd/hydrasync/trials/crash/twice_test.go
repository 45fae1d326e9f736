package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// killedAgain kills the victim, and then again while it puts in order what the first kill left.
func killedAgain(dir, victim string, first, second *strike) (note string, err error) {
	w, err := newScene(dir, victim, first)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.end(err != nil)) }()
	if err := w.begin(); err != nil {
		return "", err
	}
	during, err := w.play()
	if err != nil {
		return "", err
	}
	if w.struck().struck() == "" {
		note = "first not reached"
	}
	if err := w.restart(second); err != nil {
		return note, err
	}
	err = w.wait("the second kill", func() bool { return w.struck().Ended() || w.whole() == nil }, w.other())
	if err != nil {
		return note, err
	}
	if !w.struck().Ended() {
		note = "second not reached"
	}
	at := w.struck().struck()
	if err := w.restart(nil); err != nil {
		return note, err
	}
	if err := w.mustBecomeWhole(); err != nil {
		return note, fmt.Errorf("%s after phase %d: %w", at, during, err)
	}
	return note, errors.Join(w.sparseStays(), w.secondOpinions(), w.resumed(during))
}

// TestCampaignCrashTwice kills the recovery too. The second kill is drawn from the
// calls of a start and of what follows it.
func TestCampaignCrashTwice(t *testing.T) {
	const startCalls = 90
	c := newCampaign(t, "crash twice")
	for _, p := range c.places(t) {
		for _, victim := range []string{"city", "capitol"} {
			c.kills(p, victim, counted(t, p, victim))
		}
	}
	c.most(stand.Size(3, 16, 3000))
	c.run(t, func(p point) (string, error) {
		r := rand.New(rand.NewPCG(uint64(c.seed), uint64(p.n)))
		second := &strike{at: []string{"entry", "exit"}[r.IntN(2)], n: 1 + r.IntN(startCalls), calls: mutating}
		return killedAgain(p.dir, p.victim, &strike{at: p.at, n: p.n, calls: mutating}, second)
	})
}

// idleKill kills the victim at a call of the work that it does when nothing happens:
// the journal's retention and its checkpoint.
func idleKill(dir, victim string, s *strike) (hit bool, total int, err error) {
	s.waits = true
	w, err := newScene(dir, victim, s)
	if err != nil {
		return false, 0, err
	}
	defer func() { err = errors.Join(err, w.end(err != nil)) }()
	if err := w.begin(); err != nil {
		return false, 0, err
	}
	for i := 1; i < len(script); i++ {
		if err := w.source.do(i); err != nil {
			return false, 0, err
		}
	}
	if err := w.mustBecomeWhole(); err != nil {
		return false, 0, err
	}
	w.struck().arm()
	select {
	case <-w.struck().End():
	case <-time.After(idle):
		w.struck().stop()
	}
	hit, total = w.struck().struck() != "", w.struck().total()
	if err := w.restart(nil); err != nil {
		return hit, total, err
	}
	return hit, total, errors.Join(w.mustBecomeWhole(), w.secondOpinions())
}

// idleCalls is about what they make then, and what they make when they are stopped.
const idleCalls = 40

// idle is a little longer than a journal waits for before it tidies up.
const idle = 3500 * time.Millisecond

// TestCampaignCrashIdle kills what happens when nothing happens.
func TestCampaignCrashIdle(t *testing.T) {
	c := newCampaign(t, "crash idle")
	for _, p := range c.places(t) {
		for _, victim := range []string{"city", "capitol"} {
			c.kills(p, victim, idleCalls)
		}
	}
	c.most(stand.Size(2, 12, 0))
	c.beside = 4 // they wait, most of the time
	c.run(t, func(p point) (string, error) {
		hit, _, err := idleKill(p.dir, p.victim, &strike{at: p.at, n: p.n, calls: mutating})
		if !hit {
			return "not reached", err
		}
		return "", err
	})
}
