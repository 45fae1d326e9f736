package crash

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestCampaignCrashNobody runs the script without a kill, and faster than
// capitol and city start: what changes while it is first looked at is never missed.
func TestCampaignCrashNobody(t *testing.T) {
	c := newCampaign(t, "crash nobody")
	for _, p := range c.places(t) {
		for n := range 300 {
			c.add(point{p, "nobody", "ever", n})
		}
	}
	c.most(stand.Size(4, 16, 0))
	c.run(t, func(p point) (string, error) { return "", hurried(p.dir, uint64(p.n)) })
}

// hurried pauses between the phases for up to so many milliseconds as the seed says,
// which makes them meet the processes at other places each time.
func hurried(dir string, seed uint64) (err error) {
	w, err := newScene(dir, "nobody", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end(err != nil)) }()
	if err := w.begin(); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for i := 1; i < len(script); i++ {
		time.Sleep(time.Duration(r.Uint64N(1+seed%25)) * time.Millisecond)
		if err := w.source.do(i); err != nil {
			return err
		}
	}
	return errors.Join(w.mustBecomeWhole(), w.secondOpinions())
}
