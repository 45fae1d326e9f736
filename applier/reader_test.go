package applier_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// watch is called before every changing call.
type watch func(op, name string)

func (w watch) Before(op, name string) error { w(op, name); return nil }

// TestWhatAReaderSeesAtEveryCall looks at the whole destination before every call: each name
// leads to its old bytes with their mode or to the new ones with theirs, and is
// missing only if it was, or is going to be.
func TestWhatAReaderSeesAtEveryCall(t *testing.T) {
	dir := t.TempDir()
	c := newCapitol()
	var first, second map[string]string
	looks := 0
	var mu sync.Mutex
	a := city(t, dir, func(cfg *applier.Config) {
		cfg.Calls = watch(func(op, name string) {
			mu.Lock()
			defer mu.Unlock()
			if second == nil || t.Failed() {
				return
			}
			looks++
			seen := visible(t, dir)
			for path, what := range seen {
				if what != first[path] && what != second[path] {
					t.Errorf("before %s %q: %s is %s; it was %s and becomes %s", op, name, path, what, first[path], second[path])
				}
			}
			for path, was := range first {
				if seen[path] == "" && second[path] != "" {
					t.Errorf("before %s %q: %s is missing, which was %s", op, name, path, was)
				}
			}
		})
	})
	large := strings.Repeat("far away ", 30_000)
	edited, private := c.file(journal.Root, "edited", "old"), c.file(journal.Root, "private", "for all")
	x, y := c.file(journal.Root, "x", "xx"), c.file(journal.Root, "y", "yy")
	d := c.dir(journal.Root, "d")
	c.file(d, "stays", "here")
	big, gone, taken := c.file(d, "big", "small"), c.file(journal.Root, "gone", "gone"), c.file(journal.Root, "taken", "by the old")
	mustApply(t, a, c.set(), c)
	was := visible(t, dir)
	c.write(edited, "new")
	c.write(private, "for me")
	c.edit(private, func(n *journal.Node) { n.Mode = 0o600 })
	c.move(x, journal.Root, "y")
	c.move(y, journal.Root, "x")
	c.write(big, large)
	c.remove(gone)
	c.remove(taken)
	c.file(journal.Root, "taken", "by the new")
	c.file(d, "new", large+"!")
	set := c.set()
	mu.Lock()
	first, second = was, c.visible()
	mu.Unlock()
	mustApply(t, a, set, c)
	c.complete(t, a, set.Position)
	c.equal(t, dir)
	if looks < 20 {
		t.Errorf("only %d looks", looks)
	}
	state, err := os.Stat(filepath.Join(dir, applier.StateName))
	if err != nil || state.Mode().Perm() != 0o700 {
		t.Errorf("the state folder, where staging is: %v, %v", state.Mode(), err)
	}
}

// complete waits for what the set did not wait for.
func (c *capitol) complete(t *testing.T, a *applier.Applier, want journal.Position) {
	t.Helper()
	(&slow{capitol: c, open: closedChan()}).complete(t, a, want)
}

func closedChan() chan struct{} {
	open := make(chan struct{})
	close(open)
	return open
}

// shown is a file as a reader sees it.
func shown(mode fs.FileMode, body string) string {
	return fmt.Sprintf("%v %d %.12q", mode.Perm(), len(body), body)
}

// visible is every file of a destination as a reader sees it.
func visible(t *testing.T, dir string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case rel == applier.StateName:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		seen[rel] = shown(st.Mode(), string(body))
		return err
	})
	if err != nil {
		t.Errorf("look at %s: %v", dir, err)
	}
	return seen
}

// visible is what a reader is to see in the end.
func (c *capitol) visible() map[string]string {
	seen := map[string]string{}
	for _, n := range c.nodes {
		if n.Kind == journal.File {
			seen[c.path(n.ID)] = shown(fs.FileMode(n.Mode), string(c.contents[n.Body.Digest]))
		}
	}
	return seen
}
