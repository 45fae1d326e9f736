package sim

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fault lets something break.
func (w *world) fault(calls []*call) {
	c := w.cities[w.dice.IntN(len(w.cities))]
	switch n := w.dice.IntN(12); {
	case n < 2 && len(w.roads) > 0:
		r := w.roads[w.dice.IntN(len(w.roads))]
		w.say("%s is cut", r.name)
		r.cut()
	case n == 2 && len(w.roads) > 0:
		r := w.roads[w.dice.IntN(len(w.roads))]
		w.say("%s swallows everything", r.name)
		r.up.swallow()
		r.down.swallow()
	case n < 5 && len(calls) > 0 && w.harsh:
		w.pass(calls[w.dice.IntN(len(calls))], []error{unix.EIO, unix.ENOSPC}[w.dice.IntN(2)])
	case n == 5 && w.harsh:
		c.mu.Lock()
		c.full = !c.full
		w.say("the disk of %s is full: %v", c.name, c.full)
		c.mu.Unlock()
	case n == 6:
		w.say("%s is killed", c.name)
		c.kill(1)
	case n == 7:
		kept := []float64{0, 0.5, 1}[w.dice.IntN(3)]
		w.say("the power of %s goes, %v is kept, weak %v", c.name, kept, c.disk.Weak)
		c.kill(kept)
	case n == 8:
		w.say("the capitol is killed")
		w.source.restart()
	case n == 9 && w.dice.IntN(3) == 0:
		lost := w.dice.IntN(3) == 0
		w.say("the capitol comes back with an older journal, or none: %v", lost)
		w.source.back(lost)
	case n == 9:
		w.say("the capitol's journal is copied")
		w.source.keep()
	case n > 9:
		w.stranger(c)
	}
}

// stranger writes a file of its own into a city.
func (w *world) stranger(c *city) {
	var dirs []string
	for path, n := range c.disk.Tree() {
		if n.Type == unix.S_IFDIR {
			dirs = append(dirs, path)
		}
	}
	slices.Sort(dirs)
	w.mu.Lock()
	text := fmt.Sprintf("a stranger's %d", len(w.strangers))
	w.strangers[text] = true
	w.mu.Unlock()
	name := []string{"a", "b", "c", "mine"}[w.dice.IntN(4)]
	path := strings.TrimPrefix(dirs[w.dice.IntN(len(dirs))]+"/"+name, "/")
	err := c.disk.Put(path, text)
	w.say("a stranger puts %q into %s: %v", path, c.name, err)
	if err == nil {
		w.put[text] = c
	}
}
