package applier_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath/memory"
	"github.com/hydrasync/hydrasync/journal"
)

// replica is a city whose tree is in memory. Its journal is a file, on a file system
// that flushes nothing.
type replica struct {
	*applier.Applier
	*strict
	disk *memory.Disk
	home string
	cfg  applier.Config
}

// quick is a folder on a file system in memory, if this machine has one.
func quick(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "hydrasync-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// begin opens a new, empty replica in a folder, whatever was there.
func begin(t fataler, home string, change ...func(*applier.Config)) *replica {
	t.Helper()
	own := filepath.Join(home, applier.StateName)
	if err := os.RemoveAll(own); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &replica{disk: memory.New(applier.StateName), home: home}
	r.cfg = applier.Config{Root: home, MaxDelete: applier.Limit{Count: 1 << 40}, Patience: 1 << 40}
	for _, f := range change {
		f(&r.cfg)
	}
	r.open(t)
	return r
}

type fataler interface {
	Helper()
	Context() context.Context
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

func (r *replica) open(t fataler) {
	t.Helper()
	r.strict = &strict{Disk: r.disk}
	r.cfg.Kernel = r.strict
	a, err := applier.Open(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Applier = a
}

func (r *replica) must(t fataler, s applier.Set, f applier.Fetcher) {
	t.Helper()
	r.Prepare(t.Context(), &s, f)
	if err := r.Apply(t.Context(), s, f); err != nil {
		t.Fatal(err)
	}
}

// holds says whether a file with that content is anywhere, the trash included.
func (r *replica) holds(content string) bool {
	for _, n := range r.disk.All() {
		if n.Content == content {
			return true
		}
	}
	return false
}

// sound checks what holds after every set, see healthy.
func (r *replica) sound(t fataler) {
	t.Helper()
	v, err := r.Verify(t.Context(), true, nil)
	if err != nil || !v.Equal() {
		t.Errorf("verify: %v, missing %d, differs %d: %q", err, v.Missing, v.Differs, v.Findings)
	}
	st, err := r.Status(t.Context())
	if err != nil || st.State != "ok" || st.FailedAll+st.Owed > 0 {
		t.Errorf("status: %v %+v", err, st)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		left := r.left()
		if left == "" {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%q is left", left)
			return
		}
		r.Settle() // what nobody wants any more may still have been coming
	}
}

// left is what nothing is waiting for, in staging or parked.
func (r *replica) left() string {
	for path := range r.disk.All() {
		for _, dir := range []string{"staging/", "parked/"} {
			if strings.HasPrefix(path, applier.StateName+"/"+dir) {
				return path
			}
		}
	}
	return ""
}

// unlikeBut is unlike for a tree with strangers' files, known by their contents, and the
// directories that they keep. It notes which it found.
func (c *capitol) unlikeBut(d *memory.Disk, strangers, found map[string]bool) []string {
	foreign := map[string]bool{}
	for path, n := range d.Tree() {
		for at := path; strangers[n.Content]; at = at[:strings.LastIndexByte(at, '/')] {
			foreign[at], found[n.Content] = true, true
			if !strings.Contains(at, "/") {
				break
			}
		}
	}
	return c.unlike(d, foreign)
}

// unlike compares the tree in memory with what the capitol has; foreign are paths
// that may be there.
func (c *capitol) unlike(d *memory.Disk, foreign map[string]bool) (diff []string) {
	say := func(format string, args ...any) { diff = append(diff, fmt.Sprintf(format, args...)) }
	have := d.Tree()
	inodes := map[journal.NodeID]uint64{}
	for id, n := range c.nodes {
		path := c.path(id)
		got, ok := have[path]
		delete(have, path)
		switch want := c.wanted(n); {
		case !ok:
			say("%q: missing", path)
		case got.Type != want.Type || got.Content != want.Content || got.Mode != want.Mode || got.UID != n.UID || got.GID != n.GID:
			say("%q: %o %d:%d %.40q, want %o %.40q", path, got.Type|got.Mode, got.UID, got.GID, got.Content, want.Type|want.Mode, want.Content)
		case n.Kind != journal.Dir && (got.MSec != n.MTime.Sec || got.MNsec != n.MTime.Nsec):
			say("%q: time %d.%09d, want %v", path, got.MSec, got.MNsec, n.MTime)
		case n.Link != 0 && inodes[n.Link] != 0 && inodes[n.Link] != got.Ino:
			say("%q: not a hard link of its group", path)
		case n.Link == 0 && n.Kind != journal.Dir && got.Links != 1:
			say("%q: %d names", path, got.Links)
		default:
			inodes[n.Link] = got.Ino
		}
	}
	for path, n := range have {
		if !foreign[path] {
			say("%q: %o %.40q is not wanted", path, n.Type, n.Content)
		}
	}
	return diff
}

func (c *capitol) wanted(n journal.Node) (want memory.Node) {
	want.Mode = n.Mode
	switch n.Kind {
	case journal.Dir:
		want.Type = 0o040000
	case journal.Symlink:
		want.Type, want.Mode, want.Content = 0o120000, 0o777, n.Target
	case journal.File:
		want.Type, want.Content = 0o100000, string(c.contents[n.Body.Digest])
	}
	return want
}

func BenchmarkHistoryInMemory(b *testing.B) {
	home := quick(b)
	for b.Loop() {
		r := begin(b, home)
		c := newCapitol()
		d := c.dir(0, "d")
		c.file(d, "f", "body")
		mustApply(b, r.Applier, c.set(), c)
		c.move(d, 0, "e")
		mustApply(b, r.Applier, c.set(), c)
		if diff := c.unlike(r.disk, nil); len(diff) > 0 {
			b.Fatal(diff)
		}
		r.Close()
	}
}
