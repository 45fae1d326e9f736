package applier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

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
