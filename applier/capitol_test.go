package applier_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// capitol is a tree in memory that makes sets: what a real one would send.
type capitol struct {
	epoch    journal.Epoch
	seq      journal.Seq
	next     journal.NodeID
	nodes    map[journal.NodeID]journal.Node
	contents map[journal.Digest][]byte
	rowSeq   map[journal.NodeID]journal.Seq
	pending  map[journal.NodeID]journal.Entry
	ended    map[journal.NodeID]bool           // removed nodes: whether it was a directory
	told     map[journal.NodeID]journal.NodeID // parents, as of the last set
	inline   int                               // contents up to this size travel with the set
	buried   map[journal.NodeID]journal.Entry  // what was pending when it went with its directory
	goneAt   map[journal.NodeID]journal.Seq    // when a node went

	fetched atomic.Int64 // bytes
	mu      sync.Mutex   // guards contents: what is on its way outlasts its set
	fail    func(n journal.Node, off int64) error
}

func newCapitol() *capitol {
	c := &capitol{epoch: journal.Epoch{1}, next: 2, inline: 4 << 10,
		nodes: map[journal.NodeID]journal.Node{}, contents: map[journal.Digest][]byte{},
		rowSeq: map[journal.NodeID]journal.Seq{}, pending: map[journal.NodeID]journal.Entry{}, buried: map[journal.NodeID]journal.Entry{},
		ended: map[journal.NodeID]bool{}, told: map[journal.NodeID]journal.NodeID{}, goneAt: map[journal.NodeID]journal.Seq{}}
	c.put(journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755})
	return c
}

func (c *capitol) put(n journal.Node) journal.NodeID {
	if n.ID == 0 {
		n.ID = c.next
		c.next++
	}
	if n.Parent == 0 && n.ID != journal.Root {
		n.Parent = journal.Root
	}
	if os.Geteuid() != 0 { // only root can give files away
		n.UID, n.GID = uint32(os.Geteuid()), uint32(os.Getegid())
	}
	c.seq++
	c.nodes[n.ID] = n
	c.rowSeq[n.ID] = c.seq
	c.pending[n.ID] = journal.Entry{Seq: c.seq, BodySeq: c.seq, PlaceSeq: c.seq, Change: journal.Change{Node: n}}
	return n.ID
}

func (c *capitol) edit(id journal.NodeID, change func(*journal.Node)) {
	n := c.nodes[id]
	change(&n)
	c.put(n)
}

func (c *capitol) content(old journal.Content, body string) journal.Content {
	d := journal.Digest(sha256.Sum256([]byte(body)))
	c.mu.Lock()
	c.contents[d] = []byte(body)
	c.mu.Unlock()
	return journal.Content{Generation: old.Generation + 1, Size: int64(len(body)), Digest: d}
}

var mtime = journal.Time{Sec: 1_700_000_000, Nsec: 123_456_789}

func (c *capitol) file(parent journal.NodeID, name, body string) journal.NodeID {
	return c.put(journal.Node{Parent: parent, Name: name, Kind: journal.File, Mode: 0o644, MTime: mtime, Body: c.content(journal.Content{}, body)})
}

func (c *capitol) dir(parent journal.NodeID, name string) journal.NodeID {
	return c.put(journal.Node{Parent: parent, Name: name, Kind: journal.Dir, Mode: 0o755})
}

func (c *capitol) link(parent journal.NodeID, name, target string) journal.NodeID {
	return c.put(journal.Node{Parent: parent, Name: name, Kind: journal.Symlink, Mode: 0o777, MTime: mtime, Target: target})
}

func (c *capitol) move(id, parent journal.NodeID, name string) {
	c.edit(id, func(n *journal.Node) { n.Parent, n.Name = parent, name })
}

func (c *capitol) write(id journal.NodeID, body string) {
	c.edit(id, func(n *journal.Node) {
		n.Body = c.content(n.Body, body)
		n.MTime.Sec++
	})
}

func (c *capitol) grow(id journal.NodeID, more string) {
	c.edit(id, func(n *journal.Node) {
		g := n.Body.Generation
		n.Body = c.content(n.Body, string(c.contents[n.Body.Digest])+more)
		n.Body.Generation = g
		n.MTime.Sec++
	})
}

func (c *capitol) remove(id journal.NodeID) {
	for _, child := range slices.Sorted(maps.Keys(c.nodes)) { // in the same order every time
		if c.nodes[child].Parent == id {
			before, told := c.pending[child]
			c.remove(child)
			if c.told[child] == id || c.told[child] == 0 {
				delete(c.pending, child) // its directory's absence says it
			}
			if told && !before.Change.Gone {
				c.buried[child] = before
			}
		}
	}
	c.seq++
	c.ended[id] = c.nodes[id].Kind == journal.Dir
	c.goneAt[id] = c.seq
	delete(c.nodes, id)
	c.pending[id] = journal.Entry{Seq: c.seq, Change: journal.Change{Gone: true, Node: journal.Node{ID: id}}}
}

// position is what the capitol would say; its digest is not looked at here.
func (c *capitol) position() journal.Position {
	return journal.Position{Epoch: c.epoch, Seq: c.seq, Digest: journal.Digest{byte(c.seq), byte(c.seq >> 8), 1}}
}

// set takes what changed since the last one.
func (c *capitol) set() applier.Set {
	s := applier.Set{Position: c.position(), Bodies: map[journal.NodeID][]byte{}}
	for _, id := range slices.Sorted(maps.Keys(c.pending)) {
		c.add(&s, c.pending[id])
	}
	c.tell()
	return s
}

func (c *capitol) tell() {
	c.pending, c.told = map[journal.NodeID]journal.Entry{}, map[journal.NodeID]journal.NodeID{}
	c.buried = map[journal.NodeID]journal.Entry{}
	for id, n := range c.nodes {
		c.told[id] = n.Parent
	}
}

func (c *capitol) add(s *applier.Set, e journal.Entry) {
	s.Entries = append(s.Entries, e)
	n := e.Change.Node
	if body, ok := c.contents[n.Body.Digest]; ok && n.Kind == journal.File && len(body) <= c.inline {
		s.Bodies[n.ID] = body
	}
}

// full is everything, as the parts of a full comparison without contents.
func (c *capitol) full() applier.Set {
	s := applier.Set{Position: c.position(), Full: true, FullDone: true}
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		s.Entries = append(s.Entries, journal.Entry{Seq: c.rowSeq[id], Change: journal.Change{Node: c.nodes[id]}})
	}
	c.tell()
	return s
}

type movedOn struct{}

func (movedOn) Error() string { return "moved on" }
func (movedOn) Moved() bool   { return true }

func (c *capitol) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	if c.fail != nil {
		if err := c.fail(n, off); err != nil {
			return err
		}
	}
	c.mu.Lock()
	body, ok := c.contents[n.Body.Digest]
	c.mu.Unlock()
	if !ok || off+length > int64(len(body)) {
		return movedOn{}
	}
	for body = body[off : off+length]; len(body) > 0; {
		k, err := w.Write(body[:min(len(body), 100_000)])
		if err != nil {
			return err
		}
		c.fetched.Add(int64(k))
		body = body[k:]
	}
	return nil
}

func (c *capitol) path(id journal.NodeID) string {
	if id == journal.Root {
		return ""
	}
	n := c.nodes[id]
	return filepath.Join(c.path(n.Parent), n.Name)
}

// equal compares a destination with the tree, byte by byte, foreign names included.
func (c *capitol) equal(t *testing.T, root string, foreign ...string) {
	t.Helper()
	if diff := c.differences(root, foreign...); len(diff) > 0 {
		t.Errorf("%d differences, the first: %q", len(diff), diff[:min(len(diff), 8)])
	}
}

func (c *capitol) differences(root string, foreign ...string) (diff []string) {
	say := func(format string, args ...any) { diff = append(diff, fmt.Sprintf(format, args...)) }
	want := map[string]journal.Node{}
	for id, n := range c.nodes {
		want[c.path(id)] = n
	}
	for _, f := range foreign {
		want[f] = journal.Node{}
	}
	inodes := map[journal.NodeID]uint64{}
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if rel == "." {
			rel = ""
		}
		if rel == applier.StateName {
			return filepath.SkipDir
		}
		n, ok := want[rel]
		delete(want, rel)
		switch {
		case err != nil:
			say("%s: %v", rel, err)
		case !ok:
			say("%s: not wanted", rel)
		case n.ID != 0:
			c.compare(path, n, inodes, say)
		}
		return nil
	})
	for path := range want {
		say("%s: missing", path)
	}
	return diff
}

func (c *capitol) compare(path string, n journal.Node, inodes map[journal.NodeID]uint64, say func(string, ...any)) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		say("%s: %v", path, err)
		return
	}
	kinds := map[journal.Kind]uint32{journal.File: unix.S_IFREG, journal.Dir: unix.S_IFDIR, journal.Symlink: unix.S_IFLNK}
	if st.Mode&unix.S_IFMT != kinds[n.Kind] {
		say("%s: type %o", path, st.Mode)
		return
	}
	if n.Kind != journal.Symlink && st.Mode&0o7777 != n.Mode {
		say("%s: mode %o want %o", path, st.Mode&0o7777, n.Mode)
	}
	if n.Kind != journal.Dir && (st.Mtim.Sec != n.MTime.Sec || st.Mtim.Nsec != int64(n.MTime.Nsec)) {
		say("%s: mtime %v want %v", path, st.Mtim, n.MTime)
	}
	if st.Uid != n.UID || st.Gid != n.GID {
		say("%s: owner %d:%d want %d:%d", path, st.Uid, st.Gid, n.UID, n.GID)
	}
	if n.Link != 0 {
		if ino, ok := inodes[n.Link]; ok && ino != st.Ino {
			say("%s: not a hard link of its group", path)
		}
		inodes[n.Link] = st.Ino
	} else if st.Nlink > 1 && n.Kind != journal.Dir {
		say("%s: %d names", path, st.Nlink)
	}
	switch n.Kind {
	case journal.File:
		got, err := os.ReadFile(path)
		if err != nil || string(got) != string(c.contents[n.Body.Digest]) {
			say("%s: content %.40q want %.40q (%v)", path, got, c.contents[n.Body.Digest], err)
		}
	case journal.Symlink:
		if got, err := os.Readlink(path); err != nil || got != n.Target {
			say("%s: target %q want %q", path, got, n.Target)
		}
	}
}

// city opens a destination; it is closed with the test.
func city(t testing.TB, root string, change ...func(*applier.Config)) *applier.Applier {
	t.Helper()
	cfg := applier.Config{Root: root, MaxDelete: applier.Limit{Count: 1 << 40}, Patience: time.Hour}
	for _, f := range change {
		f(&cfg)
	}
	a, err := applier.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func mustApply(t testing.TB, a *applier.Applier, s applier.Set, f applier.Fetcher) {
	t.Helper()
	if err := a.Apply(t.Context(), s, f); err != nil {
		t.Fatal(err)
	}
}

// healthy checks what holds after every set: journal and disk agree, staging and
// parked are empty, nothing failed.
func healthy(t *testing.T, a *applier.Applier, root string) {
	t.Helper()
	r, err := a.Verify(t.Context(), true, nil)
	if err != nil || !r.Equal() {
		t.Errorf("verify: %v, missing %d, differs %d: %q", err, r.Missing, r.Differs, r.Findings)
	}
	for _, dir := range []string{"staging", "parked"} {
		eventually(t, dir+" is empty", func() bool { // what nobody wants any more may still be coming
			a.Settle()
			names, err := os.ReadDir(filepath.Join(root, applier.StateName, dir))
			return err == nil && len(names) == 0
		})
	}
	if err := a.Journal().Examine(t.Context()); err != nil {
		t.Error(err)
	}
	st, err := a.Status(t.Context())
	if err != nil || st.State != "ok" || st.FailedAll+st.Owed > 0 {
		t.Errorf("status: %v %+v", err, st)
	}
}

func eventually(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !good(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("it does not come true that %s", what)
			return
		}
	}
}

func mustWrite(t testing.TB, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func inode(t testing.TB, path string) uint64 {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Ino
}

var errCut = errors.New("connection cut")

func withTrash(how string) func(*applier.Config) {
	return func(c *applier.Config) {
		if how == "off" {
			c.Trash = -1
		}
	}
}
