package applier_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// recorder writes down every changing call, one a line.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Before(op, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, "%s <%s>\n", op, name)
	return nil
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Reset()
}

// TestTheOrderOfADurableWrite: bytes are flushed before they get a name, names before
// they are recorded. What the disk makes of it is for the trials of power cuts; this one says
// in a moment which call is missing.
func TestTheOrderOfADurableWrite(t *testing.T) {
	large := strings.Repeat("far away ", 30_000)
	for _, c := range []struct {
		what   string
		change func(c *capitol, ids map[string]journal.NodeID)
		calls  string // has to match what was called, one call a line
	}{
		{"a new file", func(c *capitol, _ map[string]journal.NodeID) { c.file(journal.Root, "new", "text") },
			`write .*\n(.*\n)*fsync <.+>\n(.*\n)*rename <new>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"a new large file", func(c *capitol, _ map[string]journal.NodeID) { c.file(journal.Root, "new", large) },
			`write .*\n(.*\n)*fsync <.+>\n(.*\n)*rename <new>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"an edit", func(c *capitol, ids map[string]journal.NodeID) { c.write(ids["f"], "other") },
			`write .*\n(.*\n)*fsync <.+>\n(.*\n)*rename <f>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"a line of a log", func(c *capitol, ids map[string]journal.NodeID) { c.grow(ids["log"], "line\n") },
			`write <log>\n(.*\n)*fsync <log>\nrecord <>\n`},
		{"a new mode", func(c *capitol, ids map[string]journal.NodeID) {
			c.edit(ids["f"], func(n *journal.Node) { n.Mode = 0o600 })
		}, `chmod <f>\n(.*\n)*fsync <f>\n(.*\n)*record <>\n`},
		{"a move", func(c *capitol, ids map[string]journal.NodeID) { c.move(ids["f"], ids["d"], "g") },
			`rename <g>\n(.*\n)*fsync <\.>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"a removal", func(c *capitol, ids map[string]journal.NodeID) { c.remove(ids["f"]) },
			`rename <f>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"a new directory", func(c *capitol, _ map[string]journal.NodeID) { c.dir(journal.Root, "e") },
			`mkdir <.+>\n(.*\n)*rename <e>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`},
		{"many new files", func(c *capitol, _ map[string]journal.NodeID) {
			for i := range 100 {
				c.file(journal.Root, fmt.Sprint(i), "text")
			}
		}, `write .*\n(.*\n)*syncfs <\.>\nrename (.*\n)*(syncfs|fsync) <\.>\nrecord <>\n`},
	} {
		t.Run(c.what, func(t *testing.T) {
			calls := &recorder{}
			dir := t.TempDir()
			a := city(t, dir, func(cfg *applier.Config) { cfg.Calls = calls })
			from := newCapitol()
			ids := map[string]journal.NodeID{"f": from.file(journal.Root, "f", "text"),
				"log": from.file(journal.Root, "log", "line\n"), "d": from.dir(journal.Root, "d")}
			mustApply(t, a, from.set(), from)
			calls.forget()
			c.change(from, ids)
			mustApply(t, a, from.set(), from)
			from.equal(t, dir)
			inOrder(t, calls.String(), c.calls)
			if said := calls.String(); strings.Contains(said, "rename") && !strings.Contains(said, "syncfs") {
				inOrder(t, said, `write <intent>\n(.*\n)*fdatasync <intent>\n(.*\n)*rename .*\n(.*\n)*record <>\n`)
			}
		})
	}
}

func inOrder(t *testing.T, calls, want string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)^` + want).MatchString(calls) {
		t.Errorf("not in the order of a durable write, %s:\n%s", want, calls[:min(len(calls), 4000)])
	}
}

// What was prepared beside the sets has no name until it is placed.
func TestAPreparedFileIsFlushedBeforeItHasAName(t *testing.T) {
	calls := &recorder{}
	a := city(t, t.TempDir(), func(cfg *applier.Config) { cfg.Calls = calls })
	c := newCapitol()
	mustApply(t, a, c.set(), c)
	c.file(journal.Root, "new", "text")
	set := c.set()
	a.Prepare(t.Context(), &set, c)
	mustApply(t, a, set, c)
	inOrder(t, calls.String(), `write <>\n(.*\n)*fsync <>\n(.*\n)*link <new>\n(.*\n)*(fsync|syncfs) <\.>\nrecord <>\n`)
}

// TestWhatFailedToFlushIsNeverPlaced: after a failed fsync the kernel may have dropped the
// bytes, and the next fsync says that all is well.
func TestWhatFailedToFlushIsNeverPlaced(t *testing.T) {
	for name, size := range map[string]int{"inline": 100, "fetched": 100_000, "kept when a connection breaks": 3 << 20} {
		for _, no := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			t.Run(name+", "+no.Error(), func(t *testing.T) {
				dir := t.TempDir()
				c := newCapitol()
				f := c.file(journal.Root, "f", "old")
				disk := &badFlush{no: no}
				a := city(t, dir, func(cfg *applier.Config) { cfg.Calls = disk })
				mustApply(t, a, c.set(), c)
				disk.arm()
				c.write(f, strings.Repeat("n", size))
				set := c.set()
				// The path is listed, or the set is refused; both are tried again.
				if err := a.Apply(t.Context(), set, c); err != nil && !errors.Is(err, no) {
					t.Fatal(err)
				}
				full := c.full()
				if err := a.Apply(t.Context(), full, c); err != nil {
					mustApply(t, a, full, c)
				}
				c.complete(t, a, full.Position)
				mustApply(t, a, c.full(), c)
				c.equal(t, dir)
				if failed, again := disk.failed, disk.again(); failed == "" || again != "" {
					t.Errorf("%s failed to flush, and was used: %s", failed, again)
				}
			})
		}
	}
}

// badFlush fails the first fsync of a file that is staged.
type badFlush struct {
	no     syscall.Errno
	mu     sync.Mutex
	armed  bool
	failed string
	after  []string
}

func (b *badFlush) Before(op, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.failed != "":
		b.after = append(b.after, op+" "+name)
	case b.armed && op == "fsync" && len(name) > 10:
		b.failed = name
		return b.no
	}
	return nil
}

func (b *badFlush) arm() {
	b.mu.Lock()
	b.armed = true
	b.mu.Unlock()
}

func (b *badFlush) again() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, call := range b.after {
		if call == "fsync "+b.failed {
			return call
		}
	}
	return ""
}

// TestWhatIsForeignKeepsItsDirectory: a directory goes, and what hydrasync did not make in it,
// at any depth, stays where it is.
func TestWhatIsForeignKeepsItsDirectory(t *testing.T) {
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	d := c.dir(journal.Root, "d")
	e := c.dir(d, "e")
	c.file(d, "f", "x")
	c.file(e, "g", "x")
	mustApply(t, a, c.set(), c)
	mustWrite(t, filepath.Join(dir, "d", "e", "mine"), "mine")
	c.remove(d)
	mustApply(t, a, c.set(), c)
	names := tree(dir)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, applier.StateName) })
	if !slices.Equal(names, []string{"d/e/mine"}) || !fileIs(dir, "d/e/mine", "mine") {
		t.Errorf("left is %q, want what is foreign", names)
	}
}

// TestNoMoreIsWrittenThanWasAnnounced: a capitol that sends without end fills no disk.
func TestNoMoreIsWrittenThanWasAnnounced(t *testing.T) {
	const announced, most = 100_000, 32 << 20
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	c.inline = 0
	c.file(journal.Root, "f", strings.Repeat("x", announced))
	sent := 0
	f := endless(func(p []byte, write func([]byte) (int, error)) error {
		for sent < most {
			n, err := write(p)
			if sent += n; err != nil {
				return err
			}
		}
		return nil
	})
	mustApply(t, a, c.set(), f)
	if sent > announced {
		t.Errorf("%d bytes were taken, %d announced", sent, announced)
	}
	if st, _ := a.Status(t.Context()); st.FailedAll != 1 {
		t.Errorf("status %+v", st)
	}
}

type endless func(p []byte, write func([]byte) (int, error)) error

func (e endless) Fetch(_ context.Context, _ journal.Node, _, _ int64, w io.Writer) error {
	return e(make([]byte, 4096), w.Write)
}
