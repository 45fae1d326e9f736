package tree_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// MustTwo makes two equal trees.
func MustTwo(t *testing.T) (src, dst string) {
	t.Helper()
	dir := t.TempDir()
	when := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	for _, name := range []string{"src", "dst"} {
		root := filepath.Join(dir, name)
		if err := tree.Plant(root, 6, 2, 300_000); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("f0000000.txt", filepath.Join(root, "d0000/link")); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if err := os.Chtimes(filepath.Join(root, tree.PlantedPath(i, 2)), when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "src"), filepath.Join(dir, "dst")
}

const planted = "d0001/f0000001.txt"

// The link's own time cannot be set with the standard library, so it is left out.
const carried = tree.Modes | tree.Owners

func TestPlantingTwiceGivesTheSameBytes(t *testing.T) {
	src, dst := MustTwo(t)
	if err := (tree.Judge{Carries: carried}).Prove(src, dst); err != nil {
		t.Error(err)
	}
}

func TestJudgeSeesEachDifference(t *testing.T) {
	for _, c := range []struct {
		name    string
		carries tree.Aspects
		change  func(file string) error // of a file in dst
		want    string
	}{
		{"a missing file", carried, os.Remove, "missing"},
		{"a file too much", carried, func(f string) error { return os.WriteFile(f+"x", nil, 0o644) }, "too much"},
		{"one byte", carried, func(f string) error { return flip(f, 299_999) }, "content"},
		{"one byte at the border of two reads", carried, func(f string) error { return flip(f, 256<<10) }, "content"},
		{"a byte more", carried, func(f string) error { return grow(f) }, "size"},
		{"a mode", carried, func(f string) error { return os.Chmod(f, 0o600) }, "mode"},
		{"a directory's mode", carried, func(f string) error { return os.Chmod(filepath.Dir(f), 0o700) }, "mode"},
		{"a set-uid bit", carried, func(f string) error { return os.Chmod(f, 0o644|os.ModeSetuid) }, "mode"},
		{"a nanosecond", tree.Times, func(f string) error {
			at := time.Date(2026, 1, 2, 3, 4, 5, 678901235, time.UTC)
			return os.Chtimes(f, at, at)
		}, "mtime"},
		{"a file that is a directory", carried, func(f string) error { return replace(f, func() error { return os.Mkdir(f, 0o644) }) }, "kind"},
		{"a file that is a link", carried, func(f string) error { return replace(f, func() error { return os.Symlink("x", f) }) }, "kind"},
		{"a link elsewhere", carried, func(f string) error {
			link := filepath.Join(filepath.Dir(f), "../d0000/link")
			return replace(link, func() error { return os.Symlink("elsewhere", link) })
		}, "target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, dst := MustTwo(t)
			if c.carries == tree.Times {
				removeLinks(t, src, dst)
			}
			if err := c.change(filepath.Join(dst, planted)); err != nil {
				t.Fatal(err)
			}
			got, err := tree.Judge{Carries: c.carries}.Differences(src, dst)
			if err != nil || len(got) != 1 || !strings.HasSuffix(got[0], ": "+c.want) {
				t.Errorf("got %q, %v, want one %s", got, err, c.want)
			}
		})
	}
}

func TestJudgeForgivesWhatAContestantDoesNotCarry(t *testing.T) {
	src, dst := MustTwo(t)
	if err := os.Chmod(filepath.Join(dst, planted), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dst, ".hydrasync"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (tree.Judge{Skip: []string{".hydrasync"}}).Prove(src, dst); err != nil {
		t.Error(err)
	}
}

func TestJudgeEndsAfterEnoughDifferences(t *testing.T) {
	dir := t.TempDir()
	if err := tree.Plant(filepath.Join(dir, "src"), 100, 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "dst/d0000"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Judge{}.Differences(filepath.Join(dir, "src"), filepath.Join(dir, "dst"))
	if err != nil || len(got) != 10 {
		t.Errorf("got %d differences, %v", len(got), err)
	}
}

func TestWatchWaitsForEachPath(t *testing.T) {
	src, dst := MustTwo(t)
	states, err := tree.States(src, "")
	if err != nil {
		t.Fatal(err)
	}
	states = append(states, tree.State{Path: "goes", Gone: true})
	goes := filepath.Join(dst, "goes")
	mustWrite(t, goes, "x")
	mustWrite(t, filepath.Join(dst, planted), "too short")
	began := time.Now()
	content, err := os.ReadFile(filepath.Join(src, planted))
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan time.Time, 1)
	go func() {
		tree.Pause(20 * time.Millisecond)
		_ = os.WriteFile(filepath.Join(dst, planted), content, 0o644)
		tree.Pause(20 * time.Millisecond)
		at := time.Now()
		_ = os.Remove(goes)
		changed <- at
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	at, err := tree.Watch{Root: dst, Carries: carried}.Until(ctx, states)
	if err != nil {
		t.Fatal(err)
	}
	if last := <-changed; at.Before(last) || at.Before(began) {
		t.Errorf("equal %v before the last change", last.Sub(at))
	}
}

func TestWatchNamesWhatNeverCame(t *testing.T) {
	src, dst := MustTwo(t)
	states, err := tree.States(src, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dst, planted)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (tree.Watch{Root: dst, Carries: carried}).Until(ctx, states); err == nil || !strings.Contains(err.Error(), planted) {
		t.Errorf("got %v, want %s in it", err, planted)
	}
}

func TestFilesAreInTheOrderOfTheirPaths(t *testing.T) {
	src, _ := MustTwo(t)
	states, err := tree.States(src, "d0000")
	if err != nil {
		t.Fatal(err)
	}
	files := tree.Files(states)
	if len(states) != 5 || len(files) != 3 || files[0].Path != "d0000/f0000000.txt" || files[2].Path != "d0000/f0000004.txt" {
		t.Errorf("of %d states, files are %+v", len(states), files)
	}
}

func removeLinks(t *testing.T, roots ...string) {
	t.Helper()
	for _, root := range roots {
		if err := os.Remove(filepath.Join(root, "d0000/link")); err != nil {
			t.Fatal(err)
		}
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func replace(path string, with func() error) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return with()
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{b[0] ^ 1}, at)
	return err
}

func grow(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("x")
	return err
}
