package applier_test

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

func impatient(c *applier.Config) { c.Patience = time.Millisecond }

// slow is a capitol whose large contents come when the test lets them.
type slow struct {
	*capitol
	open   chan struct{}
	wholes atomic.Int64 // contents that were asked for from their first byte
}

func newSlow() *slow { return &slow{capitol: newCapitol(), open: make(chan struct{})} }

func (s *slow) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	if off == 0 {
		s.wholes.Add(1)
	}
	select {
	case <-s.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.capitol.Fetch(ctx, n, off, length, w)
}

// complete lets everything come, and applies it.
func (s *slow) complete(t *testing.T, a *applier.Applier, want journal.Position) {
	t.Helper()
	select {
	case <-s.open:
	default:
		close(s.open)
	}
	for a.Confirmed() != want {
		select {
		case <-a.Late():
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing comes any more: at %v, want %v", a.Confirmed().Seq, want.Seq)
		}
		if err := a.Complete(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

var large = strings.Repeat("a large content ", 10_000)

func TestALargeContentHoldsUpNoOtherChange(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	c.file(journal.Root, "first", "first")
	mustApply(t, a, c.set(), c)
	before := a.Confirmed()

	c.file(journal.Root, "large", large)
	c.file(journal.Root, "small", "small")
	mustApply(t, a, c.set(), c)
	small := c.file(journal.Root, "other", "other")
	c.write(small, "another")
	last := c.set()
	mustApply(t, a, last, c)

	for name, want := range map[string]string{"small": "small", "other": "another"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "large")); err == nil {
		t.Error("the large file is there before its content")
	}
	if a.Confirmed() != before || a.Journal().Position() != before {
		t.Error("the position says that all is here")
	}
	if st, err := a.Status(t.Context()); err != nil || st.Late != 1 {
		t.Errorf("status: %+v, %v", st, err)
	}
	c.complete(t, a, last.Position)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestTheOldFileStaysUntilTheNewOneIsWhole(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	id := c.file(journal.Root, "file", "old")
	mustApply(t, a, c.set(), c)
	c.write(id, large)
	c.dir(journal.Root, "dir")
	mustApply(t, a, c.set(), c)
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	c.move(id, journal.Root, "elsewhere")
	set := c.set()
	mustApply(t, a, set, c)
	c.complete(t, a, set.Position)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestWhatIsLateMayGo(t *testing.T) {
	for name, end := range map[string]func(c *slow, id, dir journal.NodeID){
		"removed":       func(c *slow, id, _ journal.NodeID) { c.remove(id) },
		"with its dir":  func(c *slow, _, dir journal.NodeID) { c.remove(dir) },
		"written small": func(c *slow, id, _ journal.NodeID) { c.write(id, "small") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir, impatient), newSlow()
			d := c.dir(journal.Root, "dir")
			id := c.file(d, "file", large)
			mustApply(t, a, c.set(), c)
			end(c, id, d)
			set := c.set()
			mustApply(t, a, set, c)
			c.complete(t, a, set.Position)
			a.Settle()
			c.equal(t, dir)
			healthy(t, a, dir)
		})
	}
}

func TestAConnectionThatBreaksWhileSomethingIsLate(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	c.file(journal.Root, "first", "first")
	mustApply(t, a, c.set(), c)
	c.file(journal.Root, "large", large)
	c.file(journal.Root, "small", "small")
	set := c.set()
	mustApply(t, a, set, c)
	if err := a.Begin(t.Context(), applier.Resume); err != nil { // what was on its way ends
		t.Fatal(err)
	}
	mustApply(t, a, set, c) // told again: the position did not move
	c.complete(t, a, set.Position)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestCloseWhileSomethingIsLate(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	c.file(journal.Root, "large", large)
	set := c.set()
	mustApply(t, a, set, c)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = city(t, dir, impatient)
	if !a.Confirmed().IsZero() {
		t.Error("the position says that all is here")
	}
	mustApply(t, a, set, c)
	c.complete(t, a, set.Position)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestWhatIsPreparedIsUsedOrDropped(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	for range 100 {
		c.file(journal.Root, "f"+strings.Repeat("x", len(c.nodes)), "body")
	}
	set := c.set()
	before := staged(t, dir)
	a.Prepare(t.Context(), &set, c)
	if n := staged(t, dir) - before; n != 100 {
		t.Fatalf("%d are prepared", n)
	}
	again := set
	a.Drop(&again)
	if n := staged(t, dir) - before; n != 0 {
		t.Fatalf("%d are left", n)
	}
	a.Prepare(t.Context(), &set, c)
	mustApply(t, a, set, c)
	if n := staged(t, dir) - before; n != 0 {
		t.Errorf("%d are open", n)
	}
	c.equal(t, dir)
	healthy(t, a, dir)
}

// staged counts what is in staging, and what is open and has no name.
func staged(t *testing.T, dir string) int {
	t.Helper()
	folder := filepath.Join(dir, applier.StateName, "staging")
	names, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := len(names)
	for _, fd := range open {
		if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, folder+"/#") {
			n++
		}
	}
	return n
}

// TestWhatIsPreparedMeetsOthers: its place is taken meanwhile, its directory forbids
// writing, or it may have no name; all of it comes to be, and what was there is kept.
func TestWhatIsPreparedMeetsOthers(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	shut := c.dir(journal.Root, "shut")
	c.edit(shut, func(n *journal.Node) { n.Mode = 0o500 })
	mustApply(t, a, c.set(), c)
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "shut"), 0o700) })
	c.file(shut, "f", "in it")
	c.file(journal.Root, "taken", "ours")
	c.file(journal.Root, "same", "the same")
	set := c.set()
	a.Prepare(t.Context(), &set, c)
	mustWrite(t, filepath.Join(dir, "taken"), "a stranger's")
	mustWrite(t, filepath.Join(dir, "same"), "the same")
	mustApply(t, a, set, c)
	c.equal(t, dir)
	healthy(t, a, dir)
	if kept, _ := filepath.Glob(filepath.Join(dir, applier.StateName, "trash", "*", "taken")); len(kept) != 1 {
		t.Errorf("the stranger's is %q", kept)
	}
}

// TestMoreIsPreparedThanFilesMayBeOpen comes to the end of descriptors.
func TestMoreIsPreparedThanFilesMayBeOpen(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 200, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	for i := range 500 {
		c.file(journal.Root, strconv.Itoa(i), "body")
	}
	set := c.set()
	a.Prepare(t.Context(), &set, c)
	mustApply(t, a, set, c)
	c.equal(t, dir)
	healthy(t, a, dir)
}

// A file that another node's file replaces by a rename: the name leads somewhere
// all the time.
func TestANameThatIsTakenIsNeverMissing(t *testing.T) {
	for name, apart := range map[string]bool{"in one set": false, "the old one goes later": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir, impatient), newSlow()
			old := c.file(journal.Root, "name", "old")
			mustApply(t, a, c.set(), c)
			there := func() {
				t.Helper()
				if got, err := os.ReadFile(filepath.Join(dir, "name")); err != nil || string(got) != "old" {
					t.Errorf("%q, %v", got, err)
				}
			}
			c.remove(old)
			c.file(journal.Root, "name", large)
			set := c.set()
			if apart {
				slices.SortFunc(set.Entries, func(x, y journal.Entry) int { return cmp.Compare(y.Seq, x.Seq) })
				mustApply(t, a, applier.Set{Entries: set.Entries[:1]}, c)
				there()
				set.Entries = set.Entries[1:]
			}
			mustApply(t, a, set, c)
			there()
			if a.Confirmed() == set.Position {
				t.Error("the position says that all is here")
			}
			c.complete(t, a, set.Position)
			a.Settle()
			c.equal(t, dir)
			healthy(t, a, dir)
		})
	}
}

func TestANameWhoseNextContentMovedOnIsNotMissing(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	c.inline = 0
	old := c.file(journal.Root, "name", "old")
	mustApply(t, a, c.set(), c)
	c.remove(old)
	f := c.file(journal.Root, "name", "moved on")
	lost := fetcher(func(context.Context, journal.Node, int64, int64, io.Writer) error { return movedOn{} })
	mustApply(t, a, c.set(), lost)
	if got, err := os.ReadFile(filepath.Join(dir, "name")); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	c.write(f, "newer")
	set := c.set()
	mustApply(t, a, set, c)
	if a.Confirmed() != set.Position {
		t.Error("something is still late")
	}
	a.Settle()
	c.equal(t, dir)
	healthy(t, a, dir)
}

// The file that is to take the name never comes: its directory goes. Then nothing is waited
// for any more, or the city would not be in step before something else changes.
func TestWhatWasKeptForAnotherGoesWithItsDirectory(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	c.inline = 0
	d := c.dir(journal.Root, "d")
	old := c.file(d, "name", "old")
	mustApply(t, a, c.set(), c)
	c.remove(old)
	c.file(d, "name", "moved on")
	lost := fetcher(func(context.Context, journal.Node, int64, int64, io.Writer) error { return movedOn{} })
	mustApply(t, a, c.set(), lost)
	c.remove(d)
	set := c.set()
	mustApply(t, a, set, c)
	if a.Confirmed() != set.Position {
		t.Error("something is still late")
	}
	a.Settle()
	c.equal(t, dir)
	healthy(t, a, dir)
}

// A comparison wants a file whose content has moved on, and before all is here the file is
// removed: what it was to take over goes, although no digest counts that.
func TestWhatAComparisonLeavesGoesWhileSomethingIsLate(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	f := c.file(journal.Root, "f", "old")
	mustApply(t, a, c.set(), c)
	c.inline = 0
	c.write(f, "newer")
	c.file(journal.Root, "large", large)
	if err := a.Begin(t.Context(), applier.Renumber); err != nil {
		t.Fatal(err)
	}
	mustApply(t, a, c.full(), movedOnBut{c, f})
	c.remove(f)
	mustApply(t, a, c.set(), c)
	c.complete(t, a, c.position())
	a.Settle()
	c.equal(t, dir)
	healthy(t, a, dir)
}

// movedOnBut is a capitol that does not have a node's content any more.
type movedOnBut struct {
	*slow
	id journal.NodeID
}

func (m movedOnBut) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	if n.ID == m.id {
		return movedOn{}
	}
	return m.slow.Fetch(ctx, n, off, length, w)
}

// What a comparison left is kept for a file that never comes; the next that wants the place
// does not take over what goes in the same set.
func TestWhatGoesIsNotTakenOver(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newCapitol()
	d := c.dir(journal.Root, "d")
	old := c.dir(d, "a")
	mustApply(t, a, c.set(), c)
	c.inline = 0
	c.remove(old)
	f := c.file(d, "a", "moved on")
	if err := a.Begin(t.Context(), applier.Renumber); err != nil {
		t.Fatal(err)
	}
	lost := fetcher(func(context.Context, journal.Node, int64, int64, io.Writer) error { return movedOn{} })
	c.tell()
	mustApply(t, a, c.full(), lost)
	c.remove(f)
	c.dir(d, "a")
	set := c.set()
	mustApply(t, a, set, c)
	if a.Confirmed() != set.Position {
		t.Error("something is still late")
	}
	a.Settle()
	c.equal(t, dir)
	healthy(t, a, dir)
}
