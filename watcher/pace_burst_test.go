package watcher_test

import (
	"fmt"
	"os"
	"testing"
)

// A burst's file is read when it is complete, and not again for each event about it. The
// few whose events arrive on both sides of a look are read twice.
func TestABurstIsReadOnce(t *testing.T) {
	r := newRig(t)
	r.start()
	r.settle()
	const dirs, files = 20, 100
	before, head := r.w.Hashed(), r.j.Position().Seq
	for d := range dirs {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("burst/d%d", d)), 0o755))
		for i := range files {
			f, err := os.Create(r.path(fmt.Sprintf("burst/d%d/f%d", d, i)))
			mustNot(t, err)
			for range 3 {
				_, err = fmt.Fprintln(f, "line of", d, i)
				mustNot(t, err)
			}
			mustNot(t, f.Chmod(0o600))
			mustNot(t, f.Close())
		}
	}
	r.settle()
	hashed, entries := r.w.Hashed()-before, r.j.Position().Seq-head
	t.Logf("%d files: %d hashed, %d entries", dirs*files, hashed, entries)
	if hashed > dirs*files*3/2 {
		t.Errorf("%d files were hashed %d times", dirs*files, hashed)
	}
	if entries > dirs*files*3/2 {
		t.Errorf("%d paths made %d entries", dirs*(files+1)+1, entries)
	}
}
