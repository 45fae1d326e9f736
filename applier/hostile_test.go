package applier_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// hostile is a capitol that says anything at all. What no gate lets through is
// among it, but rarely: a set with it in is refused as a whole.
type hostile struct {
	rand *rand.Rand
	root string
	base string
	seq  journal.Seq
	rows int
}

var hostileNames = []string{"a", "b", "c", "d", "e", applier.StateName, "staging", "journal.db", "...", "-rf", " ", "\x1b[2J", "\xff\xfe", strings.Repeat("n", 255)}

var impossibleNames = []string{"", ".", "..", "a/b", "/", "../canary/x", "nul\x00", "a/", strings.Repeat("n", 256), "/etc/passwd"}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (h *hostile) id() journal.NodeID {
	if h.rand.IntN(40) == 0 {
		return pick(h.rand, journal.MaxID, journal.MaxID-1, 1<<40, journal.Root)
	}
	return journal.NodeID(1 + h.rand.IntN(40))
}

func (h *hostile) node() journal.Node {
	n := journal.Node{ID: h.id(), Parent: h.id(), Name: pick(h.rand, hostileNames...), Kind: pick(h.rand, journal.File, journal.File, journal.Dir, journal.Dir, journal.Symlink),
		Mode: pick[uint32](h.rand, 0o644, 0o755, 0, 0o7777, 0o4755, 0o200), UID: pick[uint32](h.rand, 0, 7, 1<<32-2, 1<<32-1), GID: pick[uint32](h.rand, 0, 7, 1<<32-1)}
	if h.rand.IntN(2) == 0 {
		n.Parent = journal.Root
	}
	for n.Parent == n.ID && h.rand.IntN(400) > 0 {
		n.Parent = h.id()
	}
	if n.ID == journal.Root {
		n.Parent, n.Name, n.Kind = 0, "", journal.Dir
	}
	if h.rand.IntN(400) == 0 {
		n.ID = pick(h.rand, journal.MaxID+1, 1<<62, 1<<63-1, 0, -1, -1<<63)
	}
	if h.rand.IntN(400) == 0 && n.ID != journal.Root {
		n.Name = pick(h.rand, impossibleNames...)
	}
	if n.Kind != journal.Dir {
		n.MTime = pick(h.rand, mtime, journal.Time{}, journal.Time{Sec: -1, Nsec: 999_999_999}, journal.Time{Sec: 1 << 62}, journal.Time{Sec: -1 << 62})
		n.Link = pick[journal.NodeID](h.rand, 0, 0, 0, 3, 4)
	}
	switch n.Kind {
	case journal.Symlink:
		n.Target = pick(h.rand, "../canary", filepath.Join(h.base, "canary"), "..", "/", "a", applier.StateName, ".", strings.Repeat("t/", 2000))
	case journal.File:
		n.Body = h.content()
	}
	if h.rand.IntN(6) == 0 {
		n.Xattrs = h.xattrs()
	}
	return n
}

func (h *hostile) content() journal.Content {
	body := h.body(h.rand.IntN(4))
	c := journal.Content{Generation: uint64(h.rand.IntN(3)), Size: int64(len(body)), Digest: sha256.Sum256(body)}
	switch h.rand.IntN(8) {
	case 0:
		c.Size = pick[int64](h.rand, 0, 1, 1<<40, 1<<62, 1<<63-1)
	case 1:
		c.Digest = journal.Digest{byte(h.rand.Uint32())}
	}
	return c
}

// body is one of a few contents, so that nodes share some.
func (h *hostile) body(which int) []byte {
	return []byte(strings.Repeat(strconv.Itoa(which), []int{0, 5, 4000, 200_000}[which]))
}

func (h *hostile) xattrs() (all []journal.Xattr) {
	for _, name := range []string{"security.capability", "security.evil", "system.posix_acl_access", "trusted.evil", "user.a"} { // ascending
		if h.rand.IntN(3) == 0 {
			all = append(all, journal.Xattr{Name: name, Value: []byte("\x01\x00\x00\x02garbage")})
		}
	}
	return all
}

func (h *hostile) set() applier.Set {
	s := applier.Set{Bodies: map[journal.NodeID][]byte{}}
	told := map[journal.NodeID]bool{}
	for range 1 + h.rand.IntN(40) {
		h.seq++
		h.rows++
		e := journal.Entry{Seq: h.seq, BodySeq: h.seq, PlaceSeq: h.seq, Path: pick(h.rand, "", "../../x", "\x1b]0;evil\a")}
		switch h.rand.IntN(30) {
		case 0:
			e.Seq = pick[journal.Seq](h.rand, 1, 1<<62, 1<<63-1)
		case 1:
			e.Note = &journal.Note{Kind: journal.Overflow, Text: "\x1b[31m"}
		}
		if h.rand.IntN(6) == 0 {
			e.Change = journal.Change{Gone: true, Node: journal.Node{ID: max(2, h.id())}}
		} else {
			e.Change.Node = h.node()
		}
		if told[e.Change.Node.ID] {
			continue // the stream lets no node through twice
		}
		told[e.Change.Node.ID] = true
		if h.rand.IntN(2) == 0 {
			s.Bodies[e.Change.Node.ID] = h.body(h.rand.IntN(4))
		}
		s.Entries = append(s.Entries, e)
	}
	if h.rand.IntN(3) > 0 {
		s.Position = journal.Position{Epoch: journal.Epoch{byte(h.rand.IntN(3))}, Seq: h.seq, Digest: journal.Digest{byte(h.seq)}}
	}
	s.Full = h.rand.IntN(4) == 0
	s.FullDone = s.Full && h.rand.IntN(2) == 0
	return s
}

// Fetch implements [applier.Fetcher]: seldom what was asked for.
func (h *hostile) Fetch(_ context.Context, n journal.Node, off, length int64, w io.Writer) error {
	which := int(n.Body.Digest[0]) % 40
	switch which {
	case 4:
		return movedOn{}
	case 5:
		return errCut
	}
	body := h.body(min(which, 3))
	if int64(len(body)) > off {
		body = body[off:]
	}
	_, err := w.Write(body)
	return err
}

// inside walks the destination: only files, directories and links are in it.
func (h *hostile) inside(t *testing.T) {
	t.Helper()
	filepath.WalkDir(h.root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			t.Errorf("%q is %v", path, d.Type())
		}
		return nil
	})
}

// untouched compares what must not change with what it was.
func untouched(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := contents(dir)
	for path, body := range want {
		if got[path] != body {
			t.Errorf("outside: %q was %.40q, is %.40q", path, body, got[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("outside: %d names, want %d: %.200q", len(got), len(want), got)
	}
}

func contents(dir string) map[string]string {
	found := map[string]string{}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil {
			return nil
		}
		body, _ := os.ReadFile(path)
		found[path] = fmt.Sprintf("%o %d:%d %d links %s", st.Mode, st.Uid, st.Gid, st.Nlink, body)
		return nil
	})
	return found
}

// campaign sizes a test by HYDRASYNC_FAULTS.
func campaign(unset, ci, long int) int {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return unset
}

func firstSeed() uint64 {
	seed, _ := strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64)
	return seed
}

// TestCampaignHostileRows applies sets that no honest capitol sends. Nothing outside the
// root changes, what strangers put into it is kept, no descriptor or memory is lost, and
// an honest capitol's comparison makes all of it good.
func TestCampaignHostileRows(t *testing.T) {
	rows, sets, refused := 0, 0, 0
	for i, goal := 0, campaign(4000, 15_000, 200_000); rows < goal; i++ {
		seed := firstSeed() + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r, s, no := hostileLife(t, seed)
			rows, sets, refused = rows+r, sets+s, refused+no
		})
		if t.Failed() {
			t.Fatalf("again: HYDRASYNC_SEED=%d go test -run TestCampaignHostileRows ./applier", seed)
		}
	}
	t.Logf("campaign hostile rows: %d rows in %d sets, %d sets refused, 0 failures", rows, sets, refused)
}

func hostileLife(t *testing.T, seed uint64) (rows, sets, refused int) {
	base := t.TempDir()
	h := &hostile{rand: rand.New(rand.NewPCG(seed, 3)), root: filepath.Join(base, "dest"), base: base}
	canary := filepath.Join(base, "canary")
	os.MkdirAll(filepath.Join(canary, "d"), 0o755)
	for _, name := range append([]string{"a", "b", "x", "d/a"}, "journal.db") {
		mustWrite(t, filepath.Join(canary, name), "outside "+name)
	}
	before := contents(canary)
	w := newWorld(seed, h.root) // the honest capitol of the end, with its strangers
	a := city(t, h.root)
	t.Cleanup(func() { unlock(h.root) })
	memory, fds := heapNow(), descriptors()
	for sets = range 60 {
		if h.rand.IntN(8) == 0 {
			w.strange()
		}
		if h.rand.IntN(10) == 0 {
			if err := a.Begin(t.Context(), pick(h.rand, applier.Resume, applier.Compare, applier.Renumber)); err != nil {
				t.Errorf("Begin: %v", err)
			}
		}
		if err := h.apply(t, a); err != nil {
			refused++

		}
		if h.rand.IntN(20) == 0 {
			a.Verify(t.Context(), false, h)
		}
		if h.rand.IntN(20) == 0 {
			a.Settle()
		}
	}
	untouched(t, canary, before)
	h.inside(t)
	h.honest(t, a, w)
	untouched(t, canary, before)
	if got := descriptors(); got > fds+10 {
		t.Errorf("%d descriptors, before it were %d", got, fds)
	}
	if got := heapNow(); got > memory+64<<20 {
		t.Errorf("memory grew by %d MiB", (got-memory)>>20)
	}
	return h.rows, sets, refused
}

// apply has to come to an end whatever is in the set.
func (h *hostile) apply(t *testing.T, a *applier.Applier) error {
	t.Helper()
	s := h.set()
	ended := make(chan error, 1)
	go func() {
		if h.rand.IntN(2) == 0 {
			a.Prepare(t.Context(), &s, h)
		}
		ended <- a.Apply(t.Context(), s, h)
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("a set does not end: %.3000q\n%s", fmt.Sprint(s), buf[:runtime.Stack(buf, true)])
		return nil
	}
}

// honest ends the life with a comparison by a capitol that lies in nothing.
func (h *hostile) honest(t *testing.T, a *applier.Applier, w *world) {
	t.Helper()
	for range 30 {
		w.step()
	}
	w.epoch[5] = 9
	var held *applier.HoldError
	for try := 0; ; try++ {
		if err := a.Begin(t.Context(), applier.Renumber); err != nil {
			t.Fatal(err)
		}
		err := a.Apply(t.Context(), w.full(), w)
		if err == nil {
			break
		}
		if errors.As(err, &held) || try > 3 {
			t.Fatalf("the honest comparison: %v", err)
		}
	}
	a.Settle()
	a.Close() // the next start takes away what is left over in our own folder
	a = city(t, h.root)
	if _, err := a.Verify(t.Context(), false, w); err != nil {
		t.Fatal(err)
	}
	w.check(t, a)
}

func heapNow() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func descriptors() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}
