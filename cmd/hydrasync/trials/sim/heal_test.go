package sim

import (
	"context"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// heal ends all faults, and waits until every city says that it has everything.
func (w *world) heal() {
	w.say("all is calm")
	for _, c := range w.cities {
		c.mu.Lock()
		c.full = false
		c.mu.Unlock()
	}
	w.mu.Lock()
	w.calm = true
	calls, roads := w.calls, slices.Clone(w.roads)
	w.calls = nil
	w.mu.Unlock()
	for _, c := range calls {
		c.pass <- nil
	}
	for _, r := range roads {
		for r.up.deliver(true)+r.down.deliver(true) > 0 {
		}
	}
	for waited, d := time.Duration(0), time.Second; ; waited, d = waited+d, min(2*d, time.Minute) {
		synctest.Wait()
		why := w.behind()
		if why == "" || w.isBroken() {
			return
		}
		if waited > patience {
			w.broken("not in step after %v: %s", patience, why)
			return
		}
		time.Sleep(d)
	}
}

// patience is how long after the last fault everything has to be as it should: longer than
// an attempt to connect and two turns of a path that failed.
const patience = 5 * time.Minute

// behind says which city does not say that it has everything.
func (w *world) behind() string {
	head := w.source.j.Position()
	for _, c := range w.cities {
		l := c.life
		l.mu.Lock()
		link, proven, failed, err := l.link, l.proven, l.failed, l.err
		l.mu.Unlock()
		if link.Phase != stream.Connected || proven != head || failed > 0 {
			return fmt.Sprintf("%s is %v (%v), proven at %d of %d, %d paths failed, %v; %s", c.name, link.Phase, link.Err, proven.Seq, head.Seq, failed, err, l.tell())
		}
		if !c.direct() { // it agrees with its relay, which may have more to do
			if err := w.unlike(c, w.source.nodes); err != nil {
				return fmt.Sprintf("%s: %v", c.name, err)
			}
		}
	}
	return ""
}

// judge looks at what is left when all say that it is well.
func (w *world) judge() {
	if w.isBroken() {
		return
	}
	s := w.source
	for _, id := range s.ids() { // or the simulation itself is at fault
		if r, err := s.j.Node(context.Background(), id); err != nil || r.Gone || !r.Node.Equal(s.nodes[id].node) {
			w.broken("the source's journal has of node %d %+v (%v), its tree %+v", id, r, err, s.nodes[id].node)
		}
	}
	for _, c := range w.cities {
		if err := w.unlike(c, s.nodes); err != nil {
			w.broken("%s is not what the source is: %v; it has %s", c.name, err, c.tree())
		}
		w.strangersAreSafe(c)
	}
}
