package applier_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

func tree(root string) (paths []string) {
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			paths = append(paths, rel)
		}
		return nil
	})
	return paths
}

func TestEditedAndReplacedVersionsGoToTheTrash(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	f, g := c.file(journal.Root, "f", "one"), c.file(c.dir(journal.Root, "d"), "g", "two")
	mustApply(t, a, c.set(), c)
	mustWrite(t, filepath.Join(dir, "d", "g"), "edited here")
	mustWrite(t, filepath.Join(dir, "stranger"), "in the way")
	c.write(f, "one!")
	c.write(g, "two!")
	c.file(journal.Root, "stranger", "ours")
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	kept := map[string]string{}
	trash := filepath.Join(dir, applier.StateName, "trash")
	for _, path := range tree(trash) {
		body, _ := os.ReadFile(filepath.Join(trash, path))
		stamp, rest, _ := strings.Cut(path, "/")
		kept[rest] = string(body)
		if local := strings.HasSuffix(stamp, "-local"); local != (rest != "f") {
			t.Errorf("%s: local %v", path, local)
		}
	}
	want := map[string]string{"f": "one", "d/g": "edited here", "stranger": "in the way"}
	for path, body := range want {
		if kept[path] != body {
			t.Errorf("trash has %q for %s, want %q", kept[path], path, body)
		}
	}
	if len(kept) != len(want) {
		t.Errorf("trash has %v", kept)
	}
}

func TestAMassDeleteHoldsUntilConfirmed(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir, func(c *applier.Config) { c.MaxDelete = applier.DefaultMaxDelete })
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	for i := range 150 {
		c.file(d, fmt.Sprint(i), "x")
	}
	c.file(journal.Root, "stays", "x")
	mustApply(t, a, c.set(), c)
	c.remove(d)
	c.file(journal.Root, "new", "y")
	set := c.set()
	before := a.Journal().Position()
	var held *applier.HoldError
	if err := a.Apply(t.Context(), set, c); !errors.As(err, &held) || held.Hold.Deletions != 151 {
		t.Fatalf("Apply said %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "d", "149")); err != nil || a.Journal().Position() != before {
		t.Errorf("something happened while held: %v", err)
	}
	if st, _ := a.Status(t.Context()); st.State != "held" || st.Hold == nil {
		t.Errorf("status %+v", st)
	}
	if _, err := applier.Confirm(dir); err != nil {
		t.Fatal(err)
	}
	mustApply(t, a, set, c)
	c.equal(t, dir)
}

// TestASlowMassDeleteIsHeld removes a tree piece by piece, in step after each: it
// is held when more than half is gone, passes once it is confirmed, and deletions
// long after it are counted anew.
func TestASlowMassDeleteIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := city(t, dir, func(c *applier.Config) { c.MaxDelete = applier.DefaultMaxDelete })
		defer a.Close()
		c := newCapitol()
		var dirs []journal.NodeID
		for i := range 12 {
			dirs = append(dirs, c.dir(journal.Root, fmt.Sprint(i)))
			for f := range 49 {
				c.file(dirs[i], fmt.Sprint(f), "x")
			}
		}
		mustApply(t, a, c.set(), c)
		remove := func(n int) error {
			for _, d := range dirs[:n] {
				c.remove(d)
			}
			dirs = dirs[n:]
			set := c.set()
			err := a.Apply(t.Context(), set, c)
			if held := (*applier.HoldError)(nil); errors.As(err, &held) {
				if _, err := applier.Confirm(dir); err != nil {
					t.Fatal(err)
				}
				mustApply(t, a, set, c)
			}
			a.Settle()
			time.Sleep(2 * time.Second)
			return err
		}
		for i := range 6 {
			if err := remove(1); err != nil {
				t.Fatalf("directory %d of 12: %v", i, err)
			}
			c.file(journal.Root, fmt.Sprint("new", i), "y") // no reason to count less
			mustApply(t, a, c.set(), c)
			if err := a.Begin(t.Context(), applier.Resume); err != nil {
				t.Fatal(err)
			}
		}
		var held *applier.HoldError
		if err := remove(1); !errors.As(err, &held) || held.Hold.Deletions != 350 {
			t.Fatalf("the seventh: %v", err)
		}
		if err := remove(1); err != nil {
			t.Fatalf("the eighth is of the same act: %v", err)
		}
		if _, err := applier.Confirm(dir); err == nil {
			t.Error("there was something to confirm")
		}
		time.Sleep(time.Minute)
		a.Settle()
		if err := remove(1); err != nil {
			t.Fatalf("one of four, later: %v", err)
		}
		if err := remove(2); !errors.As(err, &held) || held.Hold.Deletions != 150 {
			t.Fatalf("three of four, later: %v", err)
		}
		c.equal(t, dir)
	})
}

// TestWhatLeavesARemovedDirectoryIsNotCounted moves all out of a directory and
// removes it, in one set, and edits what stays in its place.
func TestWhatLeavesARemovedDirectoryIsNotCounted(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir, func(c *applier.Config) { c.MaxDelete = applier.Limit{Count: 100} })
	c := newCapitol()
	stays := c.file(journal.Root, "stays", "x")
	from, to := c.dir(journal.Root, "from"), c.dir(journal.Root, "to")
	var files []journal.NodeID
	for i := range 150 {
		files = append(files, c.file(from, fmt.Sprint(i), "x"))
	}
	mustApply(t, a, c.set(), c)
	for i, id := range files {
		c.move(id, to, fmt.Sprint(i))
	}
	c.write(stays, "y")
	c.remove(from)
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	healthy(t, a, dir)
}

// TestWhatComesAndGoesIsNotHeld makes and removes more than there is, again and again.
func TestWhatComesAndGoesIsNotHeld(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir, func(c *applier.Config) { c.MaxDelete = applier.Limit{Count: 100} })
	c := newCapitol()
	for i := range 150 {
		c.file(journal.Root, fmt.Sprint(i), "x")
	}
	mustApply(t, a, c.set(), c)
	c.remove(c.file(journal.Root, "first", "x"))
	for range 5 {
		var made []journal.NodeID
		for i := range 50 {
			made = append(made, c.file(journal.Root, fmt.Sprint("temp", i), "x"))
		}
		mustApply(t, a, c.set(), c)
		a.Settle()
		for _, id := range made {
			c.remove(id)
		}
		mustApply(t, a, c.set(), c)
		a.Settle()
	}
	c.equal(t, dir)
}

func TestAFullComparisonRemovesWhatIsNotNamed(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	c.file(d, "f", "x")
	keep := c.file(journal.Root, "keep", "x")
	mustApply(t, a, c.set(), c)
	mustWrite(t, filepath.Join(dir, "foreign"), "f")
	c.remove(d)
	before := inode(t, filepath.Join(dir, "keep"))
	if err := a.Begin(t.Context(), applier.Compare); err != nil {
		t.Fatal(err)
	}
	mustApply(t, a, c.full(), nil)
	c.equal(t, dir, "foreign")
	healthy(t, a, dir)
	if inode(t, filepath.Join(dir, c.path(keep))) != before {
		t.Error("an unchanged file was made anew")
	}
}

// TestAHostileCapitolStaysInside sends what no honest tree contains.
func TestAHostileCapitolStaysInside(t *testing.T) {
	base := t.TempDir()
	dir, canary := filepath.Join(base, "dest"), filepath.Join(base, "canary")
	os.Mkdir(canary, 0o755)
	a := city(t, dir)
	c := newCapitol()
	mustApply(t, a, c.set(), c)
	for _, name := range []string{"..", ".", "", "a/b", "../canary/x", "/etc/x", "nul\x00", strings.Repeat("n", 256)} {
		n := journal.Node{ID: 77, Parent: journal.Root, Name: name, Kind: journal.Dir, Mode: 0o755}
		e := journal.Entry{Seq: 50, Change: journal.Change{Node: n}}
		if err := a.Apply(t.Context(), applier.Set{Entries: []journal.Entry{e}}, c); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	ln := c.link(journal.Root, "ln", canary)
	mustApply(t, a, c.set(), c)
	c.file(ln, "through", "x")             // a child of a link
	c.dir(journal.Root, applier.StateName) // our own folder
	c.file(1<<40, "far", "x")              // nobody's child: nothing to wait for
	x, y := c.dir(journal.Root, "x"), c.dir(journal.Root, "y")
	c.move(x, y, "x")
	c.move(y, x, "y") // a circle
	mustApply(t, a, c.set(), c)
	if names := tree(canary); len(names) > 0 {
		t.Errorf("escaped: %q", names)
	}
	if st, _ := a.Status(t.Context()); st.FailedAll != 4 {
		t.Errorf("%d failed, want 4: %+v", st.FailedAll, st.Failed)
	}
	if st, err := os.Stat(filepath.Join(dir, applier.StateName, "journal.db")); err != nil || st.Size() == 0 {
		t.Errorf("our folder: %v", err)
	}
}

func TestLocalDriftIsFoundAndRepaired(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	for _, n := range []string{"edited", "gone", "chmod", "type", "sly"} {
		c.file(d, n, "content of "+n)
	}
	c.dir(d, "sub")
	mustApply(t, a, c.set(), c)
	p := func(n string) string { return filepath.Join(dir, "d", n) }
	mustWrite(t, p("edited"), "edited")
	os.Remove(p("gone"))
	os.Chmod(p("chmod"), 0o777)
	os.Remove(p("type"))
	os.Symlink("/etc", p("type"))
	os.Remove(p("sub"))
	mustWrite(t, p("sly"), "CONTENT of sly") // same size, and its time put back
	os.Chtimes(p("sly"), mtime.Std(), mtime.Std())
	mustWrite(t, p("foreign"), "f")
	r, err := a.Verify(t.Context(), false, c)
	if err != nil || r.Missing != 2 || r.Differs != 4 || r.Extra != 1 || r.Repaired != 6 {
		t.Errorf("report %+v, %v", r, err)
	}
	c.equal(t, dir, "d/foreign")
	healthy(t, a, dir)
	if r, err := applier.VerifyDir(t.Context(), dir, true); err != nil || !r.Equal() {
		t.Errorf("beside it: %+v, %v", r, err)
	}
}

// TestTheFirstVerifyWaitsUntilInStep: what was edited while the city was down is
// repaired as soon as both ends are in step, and after a minute if they never are.
func TestTheFirstVerifyWaitsUntilInStep(t *testing.T) {
	for _, settles := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			a := city(t, dir)
			defer a.Close()
			c := newCapitol()
			c.file(journal.Root, "f", "content of f")
			mustApply(t, a, c.set(), c)
			mustWrite(t, filepath.Join(dir, "f"), "edited")
			ctx, end := context.WithCancel(t.Context())
			defer end()
			go a.Run(ctx, c)
			time.Sleep(50 * time.Second)
			if a.Verified() {
				t.Fatal("verified before anybody was in step")
			}
			if settles {
				a.Settle()
				time.Sleep(time.Second)
			} else {
				time.Sleep(11 * time.Second)
			}
			synctest.Wait()
			if !a.Verified() {
				t.Fatalf("settles %v: not verified", settles)
			}
			c.equal(t, dir)
		})
	}
}

func TestPruneRemovesWhatIsForeign(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir, func(c *applier.Config) { c.Prune = true })
	c := newCapitol()
	c.file(c.dir(journal.Root, "d"), "f", "x")
	mustApply(t, a, c.set(), c)
	os.MkdirAll(filepath.Join(dir, "d", "foreign", "deep"), 0o755)
	mustWrite(t, filepath.Join(dir, "top"), "f")
	if _, err := a.Verify(t.Context(), false, c); err != nil {
		t.Fatal(err)
	}
	c.equal(t, dir)
}

func TestTheTrashForgetsByTimeAndSize(t *testing.T) {
	dir := t.TempDir()
	trash := filepath.Join(dir, applier.StateName, "trash")
	a := city(t, dir)
	a.Close()
	stamp := func(age time.Duration) string {
		name := filepath.Join(trash, time.Now().UTC().Add(-age).Format("2006-01-02T15-04-05.000Z")+"-000000000001")
		os.MkdirAll(name, 0o700)
		mustWrite(t, filepath.Join(name, "f"), strings.Repeat("x", 1<<20))
		return name
	}
	old, mid, young := stamp(48*time.Hour), stamp(2*time.Hour), stamp(time.Hour)
	os.Mkdir(filepath.Join(trash, "a person's"), 0o700)
	a = city(t, dir, func(c *applier.Config) { c.TrashMax = 3 << 19 })
	if err := a.Sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{old: false, mid: false, young: true, filepath.Join(trash, "a person's"): true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", path, err == nil, want)
		}
	}
}

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]applier.Limit{"100": {Count: 100}, "50%": {Percent: 50}, "100,50%": {Count: 100, Percent: 50}} {
		got, err := applier.ParseLimit(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "0%", "101%", "NaN%", "1,2%,", "5 %%"} {
		if got, err := applier.ParseLimit(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestADryRunOnlyCounts(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dest")
	dry := func(s ...applier.Set) applier.Forecast {
		t.Helper()
		a := city(t, dir, func(c *applier.Config) { c.DryRun = true })
		defer a.Close()
		for _, s := range s {
			mustApply(t, a, s, nil)
		}
		return a.Forecast()
	}
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	f := c.file(d, "f", "12345")
	g := c.file(d, "g", "")
	first := c.set()
	if got := dry(first); got.Create != 3 || got.Bytes != 5 || got.Remove+got.Move != 0 {
		t.Errorf("first: %+v", got)
	}
	if names, _ := os.ReadDir(base); len(names) > 0 {
		t.Errorf("it made %v", names)
	}
	a := city(t, dir)
	mustApply(t, a, first, c)
	a.Close()
	before := fmt.Sprint(tree(dir))
	c.write(f, "1234567")
	c.move(g, journal.Root, "g")
	second := c.set()
	c.file(journal.Root, "h", "x")
	c.remove(d)
	third := c.set()
	if got := dry(second, third); got.Create != 1 || got.Update != 1 || got.Move != 1 || got.Remove != 2 || got.Bytes != 8 {
		t.Errorf("later: %+v", got)
	}
	if after := fmt.Sprint(tree(dir)); after != before || !fileIs(dir, "d/f", "12345") {
		t.Errorf("it changed %s to %s", before, after)
	}
}

// TestWhatComesIntoADirectoryThatGoesIsKept: somebody puts a file into it between the look
// and the removal.
func TestWhatComesIntoADirectoryThatGoesIsKept(t *testing.T) {
	for _, trash := range []string{"on", "off"} {
		t.Run("trash "+trash, func(t *testing.T) {
			dir := t.TempDir()
			armed, came := false, false
			a := city(t, dir, withTrash(trash), func(cfg *applier.Config) {
				cfg.Calls = watch(func(op, name string) {
					if armed && !came && (op == "rename" || op == "unlink") {
						came = true
						mustWrite(t, filepath.Join(dir, "d", "sub", "mine"), "a stranger's")
					}
				})
			})
			c := newCapitol()
			d := c.dir(journal.Root, "d")
			c.file(c.dir(d, "sub"), "ours", "ours")
			c.file(journal.Root, "stays", "stays")
			mustApply(t, a, c.set(), c)
			c.remove(d)
			armed = true
			mustApply(t, a, c.set(), c)
			c.equal(t, dir)
			kept := slices.ContainsFunc(tree(filepath.Join(dir, applier.StateName, "trash")), func(path string) bool {
				return filepath.Base(path) == "mine"
			})
			if !came || !kept {
				t.Errorf("it came: %v, it is in the trash: %v", came, kept)
			}
		})
	}
}
