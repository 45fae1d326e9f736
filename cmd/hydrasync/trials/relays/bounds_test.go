package relays

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestBoundsHoldWhoeverIsKilled: a city allows less than the plan of the registry. While
// the source is larger its replica stays within that, the source is told why, and
// others go on; once the source is small enough, or more is allowed, all are equal.
func TestBoundsHoldWhoeverIsKilled(t *testing.T) {
	w := newWorld(t)
	w.churn(40)
	capitol, registry := w.machine("capitol"), w.machine("registry")
	capitol.write(fmt.Sprintf("[serve]\nlimit = \"50MiB\"\nmax_cities_transferring = 1\n[[tree]]\nname = \"t\"\ndir = %q\n", w.src))
	mill, barn := w.machine("mill"), w.machine("barn")
	follow := fmt.Sprintf("[registry]\nfrom = \"ws://%s\"\n", registry.addr)
	most := 0
	allow := func(more int) {
		most = pathsIn(t, w.src) + more
		mill.write(follow + fmt.Sprintf("[bounds]\nmax_paths = %d\n", most))
	}
	allow(2)
	barn.write(follow)
	var plan strings.Builder
	for _, c := range []*machine{mill, barn} {
		plan.WriteString(highway(c.home("t"), []string{capitol.url("t")}, fmt.Sprintf("city = %q", c.name), "max_paths = 1_000_000", `min_free = "1MiB"`, `max_delete = "100%"`))
	}
	registry.write("[serve]\n" + plan.String())
	for _, m := range w.machines {
		m.start()
	}
	for step := range stand.Size(2, 6, 40) {
		w.equal(mill.home("t"))
		w.equal(barn.home("t"))
		extra := filepath.Join(w.src, "extra")
		w.mkdir(extra)
		for i := range most - pathsIn(t, w.src) + 1 + w.rng.IntN(300) {
			stand.Write(t, filepath.Join(extra, fmt.Sprint(step, " ", i)), strings.Repeat("x", w.rng.IntN(100_000)/(1+w.rng.IntN(100))))
		}
		w.equal(barn.home("t"))
		why := fmt.Sprintf("max_paths is %d", most)
		held := func() {
			t.Helper()
			w.until("the source to know what is held", func() string {
				out, _ := stand.Run(t, "net", "--state", filepath.Join(w.dir, "capitol.state"))
				if !strings.Contains(out, "held: ") || !strings.Contains(out, why) {
					return out
				}
				return ""
			})
			if n := pathsIn(t, mill.home("t")); n > most {
				t.Errorf("%d paths, at most %d are allowed", n, most)
			}
		}
		held()
		m := []*machine{mill, capitol, registry, barn}[w.rng.IntN(4)]
		m.process.Kill()
		m.start()
		held()
		if w.rng.IntN(2) == 0 {
			allow(1)
			continue
		}
		if err := os.RemoveAll(extra); err != nil {
			t.Fatal(err)
		}
	}
	w.equal(mill.home("t"))
	w.equal(barn.home("t"))
}

// pathsIn counts what is in a directory, itself included.
func pathsIn(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".hydrasync" {
			return fs.SkipDir
		}
		n++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
