package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// mutating are the calls that kills are aimed at.
const mutating = "change,send"

// point is one experiment.
type point struct {
	place
	victim, at string
	n          int
}

func (p point) String() string { return fmt.Sprintf("%s %s %s %d", p.name, p.victim, p.at, p.n) }

// campaign is many of them. HYDRASYNC_POINT="FS VICTIM AT N" runs one alone, the first of
// these words all that begin with them, and
// HYDRASYNC_SEED moves the choice of a subset, HYDRASYNC_POINTS makes it larger.
type campaign struct {
	name   string
	only   string
	seed   int
	todo   []point
	beside int // experiments at once, for each processor; 0: one

	mu     sync.Mutex
	counts map[string]int
}

func newCampaign(t *testing.T, name string) *campaign {
	t.Helper()
	needsAMD64(t)
	c := &campaign{name: name, only: os.Getenv("HYDRASYNC_POINT"), counts: make(map[string]int)}
	c.seed, _ = strconv.Atoi(os.Getenv("HYDRASYNC_SEED"))
	return c
}

// places are the file systems to be at.
func (c *campaign) places(t *testing.T) []place {
	t.Helper()
	kinds := []string{"ext4", "xfs", "btrfs"}
	switch name, _, _ := strings.Cut(c.only, " "); {
	case name == here, name == "" && os.Getenv("HYDRASYNC_FAULTS") == "":
		return []place{{here, t.TempDir()}}
	case name != "":
		kinds = []string{name}
	}
	var all []place
	for _, kind := range kinds {
		all = append(all, mount(t, kind))
	}
	return all
}

// kills adds a kill at every one of so many calls.
func (c *campaign) kills(p place, victim string, total int) {
	for n := 1; n <= total; n++ {
		c.add(point{p, victim, "entry", n})
		c.add(point{p, victim, "exit", n})
	}
}

func (c *campaign) add(p point) {
	if c.only == "" || strings.HasPrefix(p.String()+" ", c.only+" ") {
		c.todo = append(c.todo, p)
	}
}

// most keeps so many experiments, drawn from all; 0: as many as HYDRASYNC_POINTS says, or all.
func (c *campaign) most(n int) {
	if asked, err := strconv.Atoi(os.Getenv("HYDRASYNC_POINTS")); err == nil {
		n = asked
	}
	if n == 0 || c.only != "" && len(c.todo) == 1 {
		return
	}
	r := rand.New(rand.NewPCG(uint64(c.seed), 4))
	r.Shuffle(len(c.todo), func(i, j int) { c.todo[i], c.todo[j] = c.todo[j], c.todo[i] })
	c.todo = c.todo[:min(n, len(c.todo))]
}

// run makes all experiments, some beside each other; what is told of one besides an error is counted.
func (c *campaign) run(t *testing.T, experiment func(point) (note string, err error)) {
	t.Helper()
	work := make(chan point)
	var running sync.WaitGroup
	failures := 0
	for range c.workers() {
		running.Go(func() {
			for p := range work {
				note, err := experiment(p)
				c.mu.Lock()
				c.counts[note]++
				if err != nil {
					failures++
					t.Errorf("%s: %v\nto run it alone: HYDRASYNC_POINT=%q go test -run '^%s$' ./cmd/hydrasync/trials/crash", p, err, p, t.Name())
				}
				c.mu.Unlock()
			}
		})
	}
	for _, p := range c.todo {
		work <- p
	}
	close(work)
	running.Wait()
	var notes string
	for _, note := range slices.Sorted(maps.Keys(c.counts)) {
		if note != "" {
			notes += fmt.Sprintf(", %d %s", c.counts[note], note)
		}
	}
	t.Logf("campaign %s: seed %d, %d points, %d failures%s", c.name, c.seed, len(c.todo), failures, notes)
	if len(c.todo) == 0 {
		t.Error("no point was tried")
	}
}

// workers leave something of the machine to the processes that they start.
func (c *campaign) workers() int {
	if n, err := strconv.Atoi(os.Getenv("HYDRASYNC_WORKERS")); err == nil {
		return n
	}
	return max(2, runtime.NumCPU()*max(1, c.beside))
}
