package applier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// mustRun runs a program, for mounts and the like.
func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Skipf("%s %q: %v %s", name, args, err, out)
	}
}

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

func TestGrowthIsAppendedInPlaceAndCostsItsTail(t *testing.T) {
	for _, inline := range []int{0, 64} {
		t.Run(fmt.Sprint("inline up to ", inline), func(t *testing.T) {
			dir := t.TempDir()
			a := city(t, dir)
			c := newCapitol()
			f := c.file(journal.Root, "log", strings.Repeat("a line of a log\n", 20_000))
			mustApply(t, a, c.set(), c)
			before, first := inode(t, filepath.Join(dir, "log")), c.fetched.Load()
			for range 5 {
				c.grow(f, "another line\n")
				s := c.set()
				if inline > 0 {
					s.Bodies[f] = []byte("another line\n")
				}
				mustApply(t, a, s, c)
			}
			c.equal(t, dir)
			if got := inode(t, filepath.Join(dir, "log")); got != before {
				t.Error("the log was replaced")
			}
			want := int64(5 * len("another line\n"))
			if inline > 0 {
				want = 0
			}
			if got := c.fetched.Load() - first; got != want {
				t.Errorf("fetched %d bytes, want %d", got, want)
			}
		})
	}
}

func TestKnownBytesAreNotFetchedAgain(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	body := strings.Repeat("known", 5000)
	c.file(journal.Root, "one", body)
	c.file(journal.Root, "twin", body) // in the same set: fetched once
	mustApply(t, a, c.set(), c)
	c.file(journal.Root, "copy", body)
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	if got := c.fetched.Load(); got != int64(len(body)) {
		t.Errorf("fetched %d bytes, want %d", got, len(body))
	}
}

func TestABrokenFetchResumes(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	body := strings.Repeat("0123456789", 400_000)
	c.file(journal.Root, "big", body)
	set := c.set()
	cut := fetcher(func(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
		c.Fetch(ctx, n, off, 3_000_000, w)
		return errCut
	})
	if err := a.Apply(t.Context(), set, cut); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if err := a.Apply(t.Context(), set, c); err != nil {
		t.Fatal(err)
	}
	c.equal(t, dir)
	healthy(t, a, dir)
	if got := c.fetched.Load(); got != int64(len(body)) {
		t.Errorf("fetched %d bytes, want %d", got, len(body))
	}
}

type fetcher func(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error

func (f fetcher) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	return f(ctx, n, off, length, w)
}

func TestContentThatMovedOnOrLiesBlocksOnlyItself(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	c.inline = 0
	f := c.file(journal.Root, "f", "moved on")
	c.file(journal.Root, "liar", "honest")
	c.file(journal.Root, "other", "fine")
	set := c.set()
	f2 := fetcher(func(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
		switch n.Name {
		case "f":
			return movedOn{}
		case "liar":
			_, err := w.Write([]byte("forged"))
			return err
		}
		return c.Fetch(ctx, n, off, length, w)
	})
	mustApply(t, a, set, f2)
	if got := tree(dir); len(got) < 1 || !fileIs(dir, "other", "fine") || fileIs(dir, "liar", "forged") {
		t.Errorf("the tree is %q", got)
	}
	st, _ := a.Status(t.Context())
	if st.Owed != 1 || st.FailedAll != 1 || !a.Behind() {
		t.Errorf("status %+v", st)
	}
	c.write(f, "newer")
	c.edit(f+1, func(n *journal.Node) { n.MTime.Sec++ })
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func fileIs(dir, name, body string) bool {
	got, err := os.ReadFile(filepath.Join(dir, name))
	return err == nil && string(got) == body
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
	c.file(1<<62, "far", "x")              // nobody's child
	x, y := c.dir(journal.Root, "x"), c.dir(journal.Root, "y")
	c.move(x, y, "x")
	c.move(y, x, "y") // a circle
	mustApply(t, a, c.set(), c)
	if names := tree(canary); len(names) > 0 {
		t.Errorf("escaped: %q", names)
	}
	if st, _ := a.Status(t.Context()); st.FailedAll != 5 {
		t.Errorf("%d failed, want 5: %+v", st.FailedAll, st.Failed)
	}
	if st, err := os.Stat(filepath.Join(dir, applier.StateName, "journal.db")); err != nil || st.Size() == 0 {
		t.Errorf("our folder: %v", err)
	}
}

func TestSparseFilesStaySparse(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	c.file(journal.Root, "s", strings.Repeat("\x00", 8<<20)+"end"+strings.Repeat("\x00", 4<<20))
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "s"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("%d bytes on disk (%v)", st.Blocks*512, err)
	}
}

func TestAttributesArrive(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	f := c.file(journal.Root, "f", "x")
	d := c.dir(journal.Root, "d")
	acl := []byte("\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x04\x00\x05\x00\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff")
	set := func(n *journal.Node) {
		n.Mode = 0o754
		n.Xattrs = []journal.Xattr{{Name: "security.evil", Value: []byte("e")}, {Name: "system.posix_acl_access", Value: acl}, {Name: "user.a", Value: []byte("1")}, {Name: "user.b", Value: nil}}
	}
	c.edit(f, set)
	c.edit(d, set)
	mustApply(t, a, c.set(), c)
	buf := make([]byte, 256)
	for _, path := range []string{"f", "d"} {
		for name, want := range map[string][]byte{"user.a": []byte("1"), "user.b": {}, "system.posix_acl_access": acl} {
			n, err := unix.Lgetxattr(filepath.Join(dir, path), name, buf)
			if err != nil || !bytes.Equal(buf[:max(n, 0)], want) {
				t.Errorf("%s %s: %q %v", path, name, buf[:max(n, 0)], err)
			}
		}
		if _, err := unix.Lgetxattr(filepath.Join(dir, path), "security.evil", buf); err == nil {
			t.Error("an attribute of the machine was set")
		}
	}
	st, _ := a.Status(t.Context())
	if got := st.Lacks["attributes"].Nodes; got != 2 {
		t.Errorf("%d nodes lack attributes, want 2", got)
	}
	c.edit(f, func(n *journal.Node) { n.Xattrs = n.Xattrs[2:3] })
	mustApply(t, a, c.set(), c)
	if n, _ := unix.Llistxattr(filepath.Join(dir, "f"), buf); string(buf[:n]) != "user.a\x00" {
		t.Errorf("attributes left: %q", buf[:n])
	}
	c.equal(t, dir)
}

func TestEveryNameAndDepthArrives(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	for _, name := range []string{"new\nline", "quote\"'`$(x)", "\x1b[31m", "\xff\xfe", strings.Repeat("é", 127) + "x", " ", "-rf", "~", "..."} {
		c.file(journal.Root, name, name)
	}
	mustApply(t, a, c.set(), c)
	c.equal(t, dir)
	deep := c.dir(journal.Root, "deep")
	for range 20 {
		deep = c.dir(deep, strings.Repeat("d", 250))
	}
	f := c.file(deep, "f", "at the bottom")
	mustApply(t, a, c.set(), c)
	c.write(f, "replaced")
	mustApply(t, a, c.set(), c)
	healthy(t, a, dir)
	body, err := a.Open(t.Context(), c.nodes[f])
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got := make([]byte, 8)
	if _, err := body.ReadAt(got, 0); err != nil || string(got) != "replaced" {
		t.Errorf("read %q, %v", got, err)
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

func TestAFullDiskStopsTheSetAndItResumes(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	mustRun(t, "mount", "-t", "tmpfs", "-o", "size=4m", "none", dir)
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	a := city(t, dir)
	t.Cleanup(func() { a.Close() })
	c := newCapitol()
	f := c.file(journal.Root, "f", "old")
	mustApply(t, a, c.set(), c)
	mustWrite(t, filepath.Join(dir, "filler"), strings.Repeat("x", 2<<20))
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	c.write(f, string(noise))
	set := c.set()
	if err := a.Apply(t.Context(), set, c); !errors.Is(err, applier.ErrNoSpace) {
		t.Fatalf("Apply said %v", err)
	}
	if st, _ := a.Status(t.Context()); st.State != "no space" || !fileIs(dir, "f", "old") {
		t.Errorf("state %q", st.State)
	}
	if names := tree(filepath.Join(dir, applier.StateName, "staging")); len(names) > 0 {
		t.Errorf("staging has %q", names)
	}
	os.Remove(filepath.Join(dir, "filler"))
	mustApply(t, a, set, c)
	c.equal(t, dir)
}

func TestAReadOnlyFileSystemIsSaid(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	mustRun(t, "mount", "-t", "tmpfs", "none", dir)
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	a := city(t, dir)
	c := newCapitol()
	f := c.file(journal.Root, "f", "old")
	mustApply(t, a, c.set(), c)
	c.write(f, "new")
	c.inline = 0
	a.Close()
	mustRun(t, "mount", "-o", "remount,ro", dir)
	_, err := applier.Open(applier.Config{Root: dir})
	var hint interface{ Hint() string }
	if !errors.Is(err, unix.EROFS) || !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("Open said %v", err)
	}
}

func TestAnImmutableFileBlocksOnlyItself(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	f, g := c.file(journal.Root, "f", "old"), c.file(journal.Root, "g", "old")
	mustApply(t, a, c.set(), c)
	mustRun(t, "chattr", "+i", filepath.Join(dir, "f"))
	t.Cleanup(func() { exec.Command("chattr", "-i", filepath.Join(dir, "f")).Run() })
	c.write(f, "new")
	c.write(g, "new")
	mustApply(t, a, c.set(), c)
	st, _ := a.Status(t.Context())
	if !fileIs(dir, "g", "new") || !fileIs(dir, "f", "old") || len(st.Failed) != 1 || st.Failed[0].Errno == "" {
		t.Errorf("status %+v", st)
	}
	mustRun(t, "chattr", "-i", filepath.Join(dir, "f"))
	mustApply(t, a, c.full(), c)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestALostDestinationIsNotMadeAnew(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dest")
	a := city(t, dir)
	c := newCapitol()
	mustApply(t, a, c.set(), c)
	os.Rename(dir, dir+".away")
	c.file(journal.Root, "f", "x")
	set := c.set()
	var lost *applier.RootError
	if err := a.Apply(t.Context(), set, c); !errors.As(err, &lost) {
		t.Fatalf("Apply said %v", err)
	}
	os.Mkdir(dir, 0o755) // another directory under the name: an empty mount point, say
	if err := a.Apply(t.Context(), set, c); !errors.As(err, &lost) || len(tree(dir)) > 0 {
		t.Fatalf("Apply said %v", err)
	}
	os.Remove(dir)
	os.Rename(dir+".away", dir)
	mustApply(t, a, set, c)
	c.equal(t, dir)
}

func TestOpenRefusesWhatIsNotADestination(t *testing.T) {
	base := t.TempDir()
	mustWrite(t, filepath.Join(base, "file"), "x")
	os.Mkdir(filepath.Join(base, "linked"), 0o755)
	os.Symlink(base, filepath.Join(base, "linked", applier.StateName))
	for _, name := range []string{"file", "no/such", "linked"} {
		_, err := applier.Open(applier.Config{Root: filepath.Join(base, name)})
		var re *applier.RootError
		if !errors.As(err, &re) || re.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := city(t, filepath.Join(base, "good"))
	_, err := applier.Open(applier.Config{Root: filepath.Join(base, "good")})
	var used *journal.InUseError
	if !errors.As(err, &used) {
		t.Errorf("second opener: %v", err)
	}
	a.Close()
	if err := a.Apply(t.Context(), applier.Set{}, nil); !errors.Is(err, applier.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
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

func TestAFailedPathIsTriedAgainUntilItIsGone(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	c.inline = 0
	d := c.dir(journal.Root, "d")
	mustApply(t, a, c.set(), c)
	f := c.file(d, "f", "moved on")
	lost := fetcher(func(context.Context, journal.Node, int64, int64, io.Writer) error { return movedOn{} })
	set := c.set()
	mustApply(t, a, set, lost)
	if !a.Behind() {
		t.Error("nothing is owed")
	}
	mustApply(t, a, applier.Set{Entries: set.Entries}, c) // what Run does
	c.equal(t, dir)
	healthy(t, a, dir)
	c.write(f, "and again")
	set = c.set()
	mustApply(t, a, set, lost)
	c.remove(f)
	mustApply(t, a, c.set(), c)
	mustApply(t, a, applier.Set{Entries: set.Entries}, c) // it must not come back
	c.equal(t, dir)
	healthy(t, a, dir)
}
