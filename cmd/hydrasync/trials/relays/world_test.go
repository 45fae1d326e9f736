package relays

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestMain(m *testing.M) { os.Exit(stand.Main(m)) }

// world is all machines of a test, and the chance that drives it.
type world struct {
	t        *testing.T
	dir, src string
	rng      *rand.Rand
	machines []*machine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	stand.Needs(t, "rsync")
	seed := stand.Seed(t)
	t.Logf("to run just this again: HYDRASYNC_SEED=%d HYDRASYNC_FAULTS=%s go test -run '^%s$' ./cmd/hydrasync/trials/relays", seed, os.Getenv("HYDRASYNC_FAULTS"), t.Name())
	w := &world{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1))}
	w.src = filepath.Join(w.dir, "src")
	w.mkdir(w.src)
	return w
}

func (w *world) mkdir(dir string) {
	w.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until nothing is lacking.
func (w *world) until(what string, lacking func() string) {
	w.t.Helper()
	var told []*stand.Process
	for _, m := range w.machines {
		if m.process != nil {
			told = append(told, m.process)
		}
	}
	stand.Await(w.t, what, lacking, told...)
}

// equal waits until the judge finds a replica to be what it is to be.
func (w *world) equal(replica string, subDirs ...string) {
	w.t.Helper()
	w.equalTo(w.src, replica, subDirs...)
}

func (w *world) equalTo(src, replica string, subDirs ...string) {
	w.t.Helper()
	w.until(replica+" to be equal", func() string {
		if len(subDirs) == 0 {
			return stand.Judge(src, replica)
		}
		top := map[string]bool{".hydrasync": true}
		for _, d := range subDirs {
			top[d] = true
			if _, err := os.Stat(filepath.Join(src, d)); err != nil {
				continue
			}
			if differ := stand.Judge(filepath.Join(src, d), filepath.Join(replica, d)); differ != "" {
				return differ
			}
		}
		entries, err := os.ReadDir(replica)
		if err != nil {
			return err.Error()
		}
		for _, e := range entries {
			if !top[e.Name()] {
				return e.Name() + " is not in its sub_dirs"
			}
		}
		return ""
	})
}

// topDirs are what churn works in.
var topDirs = []string{"a", "b", "c"}

// churn does so many things to the source.
func (w *world) churn(steps int) {
	w.t.Helper()
	w.churnIn(w.src, steps)
}

func (w *world) churnIn(src string, steps int) {
	w.t.Helper()
	for range steps {
		top := filepath.Join(src, topDirs[w.rng.IntN(len(topDirs))])
		dir := filepath.Join(top, fmt.Sprintf("d%d", w.rng.IntN(4)))
		file := filepath.Join(dir, fmt.Sprintf("f%d", w.rng.IntN(6)))
		w.mkdir(dir)
		var err error
		switch w.rng.IntN(8) {
		case 0:
			err = os.RemoveAll(file)
		case 1:
			other := filepath.Join(src, topDirs[w.rng.IntN(len(topDirs))], fmt.Sprintf("d%d", w.rng.IntN(8)))
			w.mkdir(filepath.Dir(other))
			_ = os.Rename(dir, other) // not onto a full one
		case 2:
			_ = os.RemoveAll(file)
			err = os.Symlink(fmt.Sprint("to", w.rng.IntN(100)), file)
		case 3:
			if f, ferr := os.OpenFile(file+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); ferr == nil {
				fmt.Fprintln(f, "line", w.rng.IntN(1000))
				err = f.Close()
			}
		default:
			_ = os.RemoveAll(file)
			err = os.WriteFile(file, bytes.Repeat([]byte{byte(w.rng.IntN(256))}, w.rng.IntN(20_000)), 0o644)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
