package trials

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// trash lists what a city has put aside.
func trash(t *testing.T, dst string) (files []string) {
	t.Helper()
	top := filepath.Join(dst, ".hydrasync", "trash")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}

func trashIsEmpty(t *testing.T, dst string) {
	t.Helper()
	if files := trash(t, dst); len(files) > 0 {
		t.Errorf("%d files were taken away and brought back, such as %s", len(files), files[0])
	}
}

// A capitol that begins anew knows nothing of its tree at first; its city must
// not take that for news.
func TestCapitolThatLostItsStateTakesNothingAway(t *testing.T) {
	r := newRig(t)
	r.cityArgs = stormy // no hold stands in the way
	fill(t, r.src, 3000, 2000)
	r.start(t)
	r.mustBecomeEqual(t)
	for range 2 {
		r.capitol.Kill()
		if err := os.RemoveAll(r.state); err != nil {
			t.Fatal(err)
		}
		r.city.Kill() // so that it dials at once, in the middle of the walk
		r.capitol.Again(t)
		r.city.Again(t)
		r.mustBecomeEqual(t)
		trashIsEmpty(t, r.dst)
	}
}

func TestMirrorThatLostItsStateTakesNothingAway(t *testing.T) {
	r := newRig(t)
	fill(t, r.src, 3000, 2000)
	for range 3 {
		if out, code := stand.Run(t, "mirror", r.src, r.dst, "--state", r.state, "--once"); code != 0 {
			t.Fatalf("mirror ended with %d:\n%s", code, out)
		}
		stand.Equal(t, r.src, r.dst)
		trashIsEmpty(t, r.dst)
		if err := os.RemoveAll(r.state); err != nil {
			t.Fatal(err)
		}
	}
}
