package watcher_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/watcher"
)

// extent is how much of a campaign is run, as HYDRASYNC_FAULTS says.
type extent string

const (
	ci   extent = "ci"   // a minute or so
	long extent = "long" // hours
)

var campaign = extent(os.Getenv("HYDRASYNC_FAULTS"))

// of is how much there is to do: ordinarily, in ci, and in the whole.
func (e extent) of(ordinary, few, all int) int {
	switch e {
	case ci:
		return few
	case long:
		return all
	}
	return ordinary
}

// seeds are the first seed and how many there are, unless somebody names them.
func seeds(many int) (first uint64, n int) {
	first = uint64(time.Now().UnixNano()) % 1_000_000
	if s, err := strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64); err == nil {
		first = s
		many = min(many, 1)
	}
	if n, err := strconv.Atoi(os.Getenv("HYDRASYNC_SEEDS")); err == nil {
		many = n
	}
	return first, many
}

// shaking changes when things happen in a case: the same commands, with pauses
// and other patience, so that other looks come between them.
type shaking struct {
	*rand.Rand
	pause time.Duration
}

func newShaking(seed uint64) *shaking {
	s := &shaking{Rand: rand.New(rand.NewPCG(seed, 1))}
	s.pause = []time.Duration{0, 300 * time.Microsecond, 3 * time.Millisecond, 12 * time.Millisecond}[s.IntN(4)]
	return s
}

func (s *shaking) patience(cfg *watcher.Config) {
	cfg.Debounce = []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond}[s.IntN(4)]
	cfg.MaxWait = cfg.Debounce * time.Duration(2+s.IntN(20))
}

// before comes before each command.
func (s *shaking) before(r *rig) {
	if s == nil {
		return
	}
	if s.pause > 0 && s.IntN(2) == 0 {
		time.Sleep(rand.N(s.pause)) // its length is what is tried; nothing waits for it
	}
	if r.stop != nil && r.release == nil && s.IntN(8) == 0 {
		r.w.Reconcile(r.t.Context())
	}
}

// holds says whether a check has to hold whenever somebody looked. How many entries
// there are does not, nor whether what was away for longer than the quiet window is another node.
func (s *shaking) holds(check args) bool {
	switch check.at(0) {
	case "entries", "notes", "same", "grown", "fresh", "heard", "found":
		return false
	}
	return true
}

func TestCampaignCases(t *testing.T) {
	first, rounds := seeds(campaign.of(0, 1, 20))
	files, err := filepath.Glob("testdata/cases/*.txt")
	mustNot(t, err)
	if os.Getenv(inPrivate) == "" {
		t.Logf("campaign cases: %d cases, heard and found, %d times with other timing, from HYDRASYNC_SEED=%d on", len(files), rounds, first)
	}
	for round := range uint64(rounds) {
		t.Run(fmt.Sprint("seed-", first+round), func(t *testing.T) {
			for _, file := range files {
				c := readCase(t, file)
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
					t.Parallel()
					if c.apart() && !private(t, fmt.Sprint("HYDRASYNC_SEED=", first+round)) {
						return
					}
					c.run(t, true, newShaking(first+round))
					c.run(t, false, newShaking(first+round))
				})
			}
		})
	}
}

const (
	historiesEach = 20 // of one seed, one after the other on the same tree
	historySteps  = 60
)

// Histories of random operations with a watcher that has little patience: after
// each the journal equals the disk. With hard links it may take a reconcile, see TestStorm.
func TestCampaignHistories(t *testing.T) {
	on := []fileSystem{tmpfs, ext4, ext4Old, xfs}
	if campaign == "" {
		on = []fileSystem{""}
	}
	first, many := seeds(campaign.of(1, 1, 500))
	if os.Getenv(inPrivate) == "" {
		t.Logf("campaign histories: %d of %d operations on each of %q, from HYDRASYNC_SEED=%d on", many*historiesEach, historySteps, on, first)
	}
	for _, fs := range on {
		t.Run("on-"+string(fs), func(t *testing.T) {
			if fs != "" && !private(t, fmt.Sprint("HYDRASYNC_SEED=", first), fmt.Sprint("HYDRASYNC_SEEDS=", many)) {
				return
			}
			for seed := first; seed < first+uint64(many); seed++ {
				if !t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) { histories(t, fs, seed) }) {
					t.Fatalf("again: HYDRASYNC_FAULTS=%s HYDRASYNC_SEED=%d go test -race -run '^%s$' ./watcher", campaign, seed, t.Name())
				}
			}
		})
	}
}

func histories(t *testing.T, on fileSystem, seed uint64) {
	s := &storm{Rand: rand.New(rand.NewPCG(seed, 2)), links: seed%2 == 0, odd: true}
	r := newRigOn(t, on, func(c *watcher.Config) { c.Debounce, c.MaxWait = 5*time.Millisecond, 200*time.Millisecond })
	s.root = r.root
	mustNot(t, os.WriteFile(r.path("stays"), nil, 0o644))
	r.start()
	for range historiesEach {
		pause := []time.Duration{0, 100 * time.Microsecond, 2 * time.Millisecond}[s.IntN(3)]
		if s.IntN(4) == 0 {
			r.halt()
		}
		for range historySteps {
			s.step()
			if pause > 0 {
				time.Sleep(s.time(pause))
			}
		}
		if r.stop == nil {
			r.start()
		}
		s.settle(r)
	}
	r.probe()
}

func (s *storm) time(most time.Duration) time.Duration { return time.Duration(s.Int64N(int64(most))) }
