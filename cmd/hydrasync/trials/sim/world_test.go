package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// world is one history.
type world struct {
	home   string
	dice   *rand.Rand
	source *source
	cities []*city

	mu        sync.Mutex
	calls     []*call // of disks, that wait for their turn
	roads     []*road
	ports     map[string]*port
	dialled   int
	calm      bool
	strangers map[string]bool  // contents of their files
	put       map[string]*city // and where they are
	trace     []string
	failure   string
	harsh     bool // calls of disks fail, too, and there are relays
	steps     int
}

// call is a changing call of a city's disk.
type call struct {
	life *life
	op   string
	name string
	pass chan error
}

func must(w *world, err error) {
	if err != nil {
		w.broken("the simulation itself: %v", err)
		panic(err)
	}
}

// broken notes the first law that was broken.
func (w *world) broken(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
		w.trace = append(w.trace, "BROKEN: "+w.failure)
	}
}

// tree is a city's tree in few words.
func (c *city) tree() string {
	var paths []string
	for path, n := range c.disk.Tree() {
		paths = append(paths, fmt.Sprintf("%s=%.12q", path, n.Content))
	}
	slices.Sort(paths)
	return strings.Join(paths, " ")
}

func (w *world) isBroken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure != ""
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// turn waits until the schedule lets a call pass, or break.
func (w *world) turn(l *life, op, name string) error {
	w.mu.Lock()
	if w.calm {
		w.mu.Unlock()
		return l.city.trouble(op)
	}
	c := &call{l, op, name, make(chan error, 1)}
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	return <-c.pass
}

// release ends the calls of a process that is no more.
func (w *world) release(l *life) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = slices.DeleteFunc(w.calls, func(c *call) bool {
		if c.life == l {
			c.pass <- errDead
		}
		return c.life == l
	})
}

// serve answers at an address until it is ended.
func (w *world) serve(at string, srv *stream.Server) (context.CancelFunc, chan struct{}) {
	p := newPort()
	w.mu.Lock()
	w.ports[at] = p
	w.mu.Unlock()
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ctx, p) // ends with ctx
	}()
	return end, done
}

// unserve closes an address: whoever is connected is cut off.
func (w *world) unserve(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ports, at)
	for _, r := range w.roads {
		if strings.HasSuffix(r.name, ">"+at) {
			r.cut()
		}
	}
}

// waiting lists what could go on: calls and messages, always in the same order.
func (w *world) waiting() (calls []*call, roads []*road) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(w.calls, func(a, b *call) int {
		return strings.Compare(a.life.city.name+a.op+a.name, b.life.city.name+b.op+b.name)
	})
	w.roads = slices.DeleteFunc(w.roads, func(r *road) bool {
		return r.up.over() && r.down.over()
	})
	slices.SortStableFunc(w.roads, func(a, b *road) int { return strings.Compare(a.name, b.name) })
	for _, r := range w.roads {
		if r.up.waits() > 0 || r.down.waits() > 0 {
			roads = append(roads, r)
		}
	}
	return slices.Clone(w.calls), roads
}

func (p *pipe) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil && len(p.arrived) == 0
}

// pauses are how long nothing happens, and a little longer: a time at which the product wakes by
// itself is never just then, or it would be the runtime's dice that say who is first.
var pauses = []time.Duration{time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond, 3 * time.Second, 20 * time.Second}

// step lets one thing happen.
func (w *world) step() {
	synctest.Wait()
	w.steps++
	calls, roads := w.waiting()
	switch n := w.dice.IntN(100); {
	case n < 5:
		w.fault(calls)
	case n < 17:
		what := w.source.act()
		w.say("source, now at %d: %s", w.source.j.Position().Seq, what)
	case n < 22 || len(calls)+len(roads) == 0:
		d := pauses[w.dice.IntN(len(pauses))] + time.Duration(w.dice.IntN(999_999))
		w.say("%v pass", d)
		time.Sleep(d)
	case w.dice.IntN(len(calls)+len(roads)) < len(calls):
		w.pass(calls[w.dice.IntN(len(calls))], nil)
	default:
		w.deliver(roads[w.dice.IntN(len(roads))])
	}
}

// pass lets a call go on, or fail, and with it all that look the same: which of them came
// first only the runtime's dice know.
func (w *world) pass(c *call, err error) {
	w.mu.Lock()
	var passed []*call
	w.calls = slices.DeleteFunc(w.calls, func(o *call) bool {
		same := o.life == c.life && o.op == c.op && o.name == c.name
		if same {
			passed = append(passed, o)
		}
		return same
	})
	w.mu.Unlock()
	if err == nil {
		err = c.life.city.trouble(c.op)
	}
	for range passed {
		w.say("%s: %s %q: %v", c.life.city.name, c.op, c.name, err)
	}
	for _, o := range passed {
		o.pass <- err
	}
}

func (w *world) deliver(r *road) {
	p, way := r.up, "up"
	if p.waits() == 0 || r.down.waits() > 0 && w.dice.IntN(2) == 0 {
		p, way = r.down, "down"
	}
	p.deliver(w.dice.IntN(10) > 0)
	w.say("%s: a message goes %s", r.name, way)
}

// history runs one seed and says what broke.
func history(home string, seed uint64, harsh bool) (failure string, trace []string, steps int) {
	w := &world{home: home, dice: rand.New(rand.NewPCG(seed, 1)), ports: map[string]*port{}, harsh: harsh, strangers: map[string]bool{}, put: map[string]*city{}}
	os.RemoveAll(home)
	must(w, os.MkdirAll(home, 0o700))
	w.source = newSource(w)
	for range w.dice.IntN(8) {
		w.source.act()
	}
	w.found()
	for range 60 + w.dice.IntN(400) {
		if w.step(); w.isBroken() {
			break
		}
	}
	w.heal()
	w.judge()
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	for _, c := range w.cities {
		c.stop()
	}
	w.source.close()
	return w.failure, w.trace, w.steps
}

// found puts up the cities: one, or two, or a relay with a leaf.
func (w *world) found() {
	switch n := w.dice.IntN(4); {
	case n == 0 && w.harsh:
		w.cities = append(w.cities, newCity(w, "relay", true, "capitol"))
		from := []string{"relay"}
		if w.dice.IntN(2) == 0 {
			from = append(from, "capitol")
		}
		w.cities = append(w.cities, newCity(w, "leaf", false, from...))
	case n == 1:
		w.cities = append(w.cities, newCity(w, "second", false, "capitol"))
		fallthrough
	default:
		w.cities = append(w.cities, newCity(w, "city", false, "capitol"))
	}
}
