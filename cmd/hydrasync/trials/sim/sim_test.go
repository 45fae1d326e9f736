//go:build sim

package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// regress are seeds of harsh histories that once failed. What they found: a leaf that is in
// step with a relay whose rows are ahead (12), a relay's digest that was remembered too long (17), what
// went from a kept directory and came back with the power (95), a leaf whose relay was
// rolled back (96).
var regress = []uint64{12, 17, 95, 96}

// quick is a folder on a file system in memory, if this machine has one.
func quick(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "hydrasync-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// play runs one history in virtual time.
func play(t *testing.T, home string, seed uint64) (failure string, trace []string, steps int) {
	synctest.Test(t, func(t *testing.T) { failure, trace, steps = history(home, seed, harsh()) })
	return failure, trace, steps
}

// harsh histories have relays, single calls that fail, and full disks. Not all of them
// come to a good end yet: they are for those who look for what is still wrong.
func harsh() bool { return os.Getenv("HYDRASYNC_FAULTS") == "long" }

func number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// TestCampaignSimulation plays histories, those first that once failed.
func TestCampaignSimulation(t *testing.T) {
	seeds := uint64(40)
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		seeds = 250
	case "long":
		seeds = 1_000_000
	}
	first, seeds, regress := number("HYDRASYNC_SEED", 1), number("HYDRASYNC_SEEDS", seeds), regress
	if !harsh() || os.Getenv("HYDRASYNC_SEED") != "" {
		regress = nil
	}
	home, began := quick(t), time.Now()
	var next, steps atomic.Int64
	var running sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for !t.Failed() {
				i := uint64(next.Add(1) - 1)
				if i >= seeds+uint64(len(regress)) {
					return
				}
				seed := first + i - uint64(len(regress))
				if i < uint64(len(regress)) {
					seed = regress[i]
				}
				started := time.Now()
				failure, trace, n := play(t, filepath.Join(home, fmt.Sprint(worker)), seed)
				steps.Add(int64(n))
				if took := time.Since(started); took > 5*time.Second {
					t.Logf("seed %d took %v", seed, took)
				}
				if failure != "" {
					t.Errorf("seed %d: %s\n%s\nagain: HYDRASYNC_FAULTS=%s HYDRASYNC_SEED=%d HYDRASYNC_SEEDS=1 go test -run TestCampaignSimulation ./cmd/hydrasync/trials/sim",
						seed, failure, strings.Join(trace[max(0, len(trace)-200):], "\n"), os.Getenv("HYDRASYNC_FAULTS"), seed)
				}
			}
		})
	}
	running.Wait()
	t.Logf("campaign simulation: %d histories, %d steps, %.0f histories/s", next.Load()-int64(runtime.GOMAXPROCS(0)), steps.Load(), float64(next.Load())/time.Since(began).Seconds())
}
