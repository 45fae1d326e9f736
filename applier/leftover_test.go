package applier_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// TestATailThatWasNotRecordedStays: the city was killed between an append and its
// record. Who follows the file has read those lines.
func TestATailThatWasNotRecordedStays(t *testing.T) {
	const more = "another line\n"
	for name, there := range map[string]string{"all of it": more, "a part": more[:5], "somebody else's": "something"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newCapitol()
			log := c.file(journal.Root, "log", strings.Repeat("a line of a log\n", 10_000))
			mustApply(t, a, c.set(), c)
			a.Close()
			f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString(there)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			a = city(t, dir)
			c.grow(log, more)
			before := c.fetched.Load()
			mustApply(t, a, c.set(), c)
			c.equal(t, dir)
			if got, want := c.fetched.Load()-before, int64(len(more)-len(there)); strings.HasPrefix(more, there) && got != want {
				t.Errorf("%d bytes came, want the %d that were not there", got, want)
			}
			healthy(t, a, dir)
		})
	}
}

// TestAHalfThatNobodyComesBackForGoes: a large file was half here when the
// connection broke, and has other bytes by the time there is another.
func TestAHalfThatNobodyComesBackForGoes(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	c.inline = 0
	mustApply(t, a, c.set(), c)
	f := c.file(journal.Root, "large", strings.Repeat("0123456789abcdef", 1<<17))
	cut := errors.New("the connection broke")
	half := fetcher(func(_ context.Context, _ journal.Node, _, length int64, w io.Writer) error {
		_, err := w.Write(make([]byte, length*3/4))
		return errors.Join(err, cut)
	})
	if err := a.Apply(t.Context(), c.set(), half); !errors.Is(err, cut) {
		t.Fatalf("Apply said %v", err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, applier.StateName, "staging")); err != nil || len(names) != 1 {
		t.Fatalf("%d names in staging, want the half (%v)", len(names), err)
	}
	if err := a.Begin(t.Context(), applier.Resume); err != nil {
		t.Fatal(err)
	}
	c.write(f, "small by now")
	mustApply(t, a, c.set(), c)
	a.Settle()
	c.equal(t, dir)
	healthy(t, a, dir)
}

// TestAnErrorAtAnyCallLeavesNothingBehind: a path that failed half-way is not told again,
// but goes. Nothing of what was made for it may be left, taken for a stranger's.
func TestAnErrorAtAnyCallLeavesNothingBehind(t *testing.T) {
	for _, trash := range []string{"on", "off"} {
		for _, no := range []syscall.Errno{syscall.EIO, syscall.EACCES, syscall.ENOSPC} {
			t.Run(trash+" "+no.Error(), func(t *testing.T) {
				for _, scene := range []func(*testing.T, string) (*capitol, applier.Set){scenario, movedAndRewritten} {
					for n := int64(1); leavesNothing(t, scene, withTrash(trash), no, n); n++ {
					}
				}
			})
		}
	}
}

// leavesNothing fails the n-th call of a set, and says whether there was one.
func leavesNothing(t *testing.T, scene func(*testing.T, string) (*capitol, applier.Set), trash func(*applier.Config), no syscall.Errno, n int64) bool {
	dir := quick(t)
	defer os.RemoveAll(dir)
	c, set := scene(t, dir)
	calls := &counter{err: no}
	a := city(t, dir, trash, func(cfg *applier.Config) { cfg.Calls = calls })
	defer a.Close()
	calls.n.Store(calls.seen.Load() + n)
	err := a.Apply(t.Context(), set, c)
	if calls.seen.Load() < calls.n.Load() {
		return false
	}
	calls.n.Store(0)
	for id, node := range c.nodes {
		if node.Parent == journal.Root {
			c.remove(id)
		}
	}
	mustApply(t, a, c.since(a.Journal().Position().Seq), c)
	mustApply(t, a, c.full(), c) // what failed, and would have been tried again by itself
	a.Settle()
	if left := remains(dir); len(left) > 0 {
		t.Fatalf("at call %d, %v, the set said %v; then all went, and these are left: %q", n, calls.op.Load(), err, left)
	}
	return true
}

// remains is what there is in a destination besides its state, and what is in staging.
func remains(root string) (names []string) {
	for _, in := range []string{".", ".hydrasync/staging", ".hydrasync/parked"} {
		found, _ := os.ReadDir(filepath.Join(root, in))
		for _, e := range found {
			names = append(names, filepath.Join(in, e.Name()))
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == applier.StateName })
}

// TestATailWhoseConnectionBreaksStays: who follows the file has read what came of it, and
// reads on behind that.
func TestATailWhoseConnectionBreaksStays(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	c.inline = 0
	old := strings.Repeat("a line of a log\n", 10_000)
	log := c.file(journal.Root, "log", old)
	mustApply(t, a, c.set(), c)
	tail := strings.Repeat("another line\n", 200_000)
	c.grow(log, tail)
	set := c.set()
	cut := fetcher(func(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
		return errors.Join(c.Fetch(ctx, n, off, length/2, w), errCut)
	})
	if err := a.Apply(t.Context(), set, cut); !errors.Is(err, errCut) {
		t.Fatalf("Apply said %v", err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || len(got) < len(old)+len(tail)/3 || !strings.HasPrefix(old+tail, string(got)) {
		t.Errorf("the file has %d bytes, %d before: %v", len(got), len(old), err)
	}
	before, ino := c.fetched.Load(), inode(t, filepath.Join(dir, "log"))
	mustApply(t, a, set, c)
	c.equal(t, dir)
	if more, now := c.fetched.Load()-before, inode(t, filepath.Join(dir, "log")); more != int64(len(old)+len(tail)-len(got)) || now != ino {
		t.Errorf("%d bytes came, want the %d that were missing; inode %d, was %d", more, len(old)+len(tail)-len(got), now, ino)
	}
	healthy(t, a, dir)
}
