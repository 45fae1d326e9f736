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

// quick is a folder on a file system in memory, if this machine has one.
func quick(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "hydrasync-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// play runs one history in virtual time. Every other is harsh.
func play(t *testing.T, home string, seed uint64) (failure string, trace []string, steps int) {
	synctest.Test(t, func(t *testing.T) { failure, trace, steps = history(home, seed, seed%2 == 1) })
	return failure, trace, steps
}

func number(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// TestCampaignSimulation plays histories.
func TestCampaignSimulation(t *testing.T) {
	seeds := uint64(30)
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		seeds = 150
	case "long":
		seeds = 1_000_000
	}
	first, seeds := number("HYDRASYNC_SEED", 1), number("HYDRASYNC_SEEDS", seeds)
	home, began := quick(t), time.Now()
	var next, played, steps atomic.Int64
	var running sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for !t.Failed() {
				i := uint64(next.Add(1) - 1)
				if i >= seeds {
					return
				}
				steps.Add(int64(playOne(t, filepath.Join(home, fmt.Sprint(worker)), first+i)))
				played.Add(1)
			}
		})
	}
	running.Wait()
	t.Logf("campaign simulation: %d histories, %d steps, %.0f histories/s", played.Load(), steps.Load(), float64(played.Load())/time.Since(began).Seconds())
}

func playOne(t *testing.T, home string, seed uint64) (steps int) {
	began := time.Now()
	failure, trace, steps := play(t, home, seed)
	if took := time.Since(began); took > 10*time.Second {
		t.Logf("seed %d took %v", seed, took)
	}
	if failure != "" {
		t.Errorf("seed %d: %s\n%s\nagain, if need be several times: HYDRASYNC_SEED=%d HYDRASYNC_SEEDS=1 go test -count 20 -run TestCampaignSimulation ./cmd/hydrasync/trials/sim",
			seed, failure, strings.Join(trace[max(0, len(trace)-200):], "\n"), seed)
	}
	return steps
}

// TestASeedIsOneStory: who plays a seed again sees what happened, nearly always. The
// runtime's own dice make another story of one in ten.
func TestASeedIsOneStory(t *testing.T) {
	const seeds, most = 12, 8
	home, differ := quick(t), 0
	for seed := range uint64(seeds) {
		_, one, _ := play(t, filepath.Join(home, "one"), seed)
		_, two, _ := play(t, filepath.Join(home, "two"), seed)
		if strings.Join(one, "\n") != strings.Join(two, "\n") {
			differ++
		}
		if len(one) < 20 {
			t.Errorf("seed %d has a story of %d steps", seed, len(one))
		}
	}
	if t.Logf("%d of %d differ", differ, seeds); differ > most {
		t.Errorf("of %d seeds %d had two stories, want at most %d", seeds, differ, most)
	}
}
