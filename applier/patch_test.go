package applier_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

// listing is a capitol that tells contents as chunks.
type listing struct {
	*capitol
	lie func(chunk.List) chunk.List
	old bool // also of contents of the past
}

func newListing() *listing { return &listing{capitol: newCapitol(), old: true} }

func (l *listing) Chunks(_ context.Context, n journal.Node) (chunk.List, error) {
	l.mu.Lock()
	body, ok := l.contents[n.Body.Digest]
	l.mu.Unlock()
	if !ok || !l.old && l.nodes[n.ID].Body != n.Body {
		return chunk.List{}, movedOn{}
	}
	list, err := chunk.Cut(bytes.NewReader(body), chunk.GrainOf(int64(len(body))), make([]byte, 64<<10))
	if l.lie != nil {
		list = l.lie(list)
	}
	return list, err
}

const patchSize = 5 << 20

// noise is the same for the same seed.
func noise(seed uint64, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return string(b)
}

// apply makes a set true, with all that comes late.
func (l *listing) apply(t *testing.T, a *applier.Applier, s applier.Set) {
	t.Helper()
	mustApply(t, a, s, l)
	for a.Confirmed() != s.Position {
		select {
		case <-a.Late():
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes any more")
		}
		if err := a.Complete(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEditedFileCostsWhatWasEdited(t *testing.T) {
	old := noise(1, patchSize)
	for name, row := range map[string]struct {
		body string
		most int64 // bytes to fetch
	}{
		"overwritten in the middle": {old[:2<<20] + noise(2, 5000) + old[2<<20+5000:], 100 << 10},
		"inserted near the front":   {old[:1000] + noise(2, 50_000) + old[1000:], 150 << 10},
		"removed":                   {old[:2<<20] + old[3<<20:], 100 << 10},
		"truncated":                 {old[:3<<20], 50 << 10},
		"appended, elsewhere too":   {noise(3, 10) + old[10:] + noise(2, 70_000), 250 << 10},
		"shuffled":                  {old[3<<20:] + old[1<<20:3<<20] + old[:1<<20], 250 << 10},
		"with a hole":               {old[:1<<20] + strings.Repeat("\x00", 1<<20) + old[2<<20:], 200 << 10},
		"doubled":                   {old + old, 100 << 10},
		"altogether other":          {noise(4, patchSize), patchSize},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newListing()
			f := c.file(journal.Root, "f", old)
			c.apply(t, a, c.set())
			for _, body := range []string{row.body, old} { // the second time with the list that was kept
				c.fetched.Store(0)
				c.write(f, body)
				c.apply(t, a, c.set())
				c.equal(t, dir)
				healthy(t, a, dir)
				if got := c.fetched.Load(); body == row.body && got > row.most {
					t.Errorf("%d bytes were fetched, want at most %d", got, row.most)
				}
			}
		})
	}
}

func TestWhatTheCityKnowsOfTheOldContent(t *testing.T) {
	old := noise(1, patchSize)
	for name, prepare := range map[string]func(c *listing, dir string){
		"the capitol's list": func(*listing, string) {},
		"nothing":            func(c *listing, _ string) { c.old = false },
		"an edit of somebody": func(_ *listing, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("edited on the city"), 1<<20)
			}
			if errors.Join(err, f.Close()) != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newListing()
			f := c.file(journal.Root, "f", old)
			c.apply(t, a, c.set())
			prepare(c, dir)
			c.fetched.Store(0)
			c.write(f, old[:3<<20]+"edited on the capitol"+old[3<<20:])
			c.apply(t, a, c.set())
			c.equal(t, dir)
			if got := c.fetched.Load(); got > 150<<10 {
				t.Errorf("%d bytes were fetched", got)
			}
		})
	}
}

// The file grows by appends, which make no lists, and is then edited.
func TestAFileThatGrewIsPatchedToo(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newListing()
	body := noise(1, patchSize)
	f := c.file(journal.Root, "f", body)
	c.apply(t, a, c.set())
	c.write(f, "x"+body)
	c.apply(t, a, c.set())
	for range 3 {
		c.grow(f, noise(2, 100_000))
		c.apply(t, a, c.set())
	}
	c.old = false
	c.fetched.Store(0)
	c.write(f, string(c.contents[c.nodes[f].Body.Digest])+"y")
	c.apply(t, a, c.set())
	c.equal(t, dir)
	if got := c.fetched.Load(); got > 100<<10 {
		t.Errorf("%d bytes were fetched", got)
	}
}

func TestOtherNodesFilesArePatched(t *testing.T) {
	old := noise(1, patchSize)
	edited := old[:3<<20] + "edited" + old[3<<20:]
	for name, change := range map[string]func(c *listing, a *applier.Applier, f journal.NodeID) applier.Set{
		"a new node takes the name": func(c *listing, _ *applier.Applier, f journal.NodeID) applier.Set {
			c.remove(f)
			c.file(journal.Root, "f", edited)
			return c.set()
		},
		"the node under another number": func(c *listing, a *applier.Applier, f journal.NodeID) applier.Set {
			if err := a.Begin(t.Context(), applier.Renumber); err != nil {
				t.Fatal(err)
			}
			c.epoch[0]++
			c.remove(f)
			c.file(journal.Root, "f", edited)
			return c.full()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newListing()
			f := c.file(journal.Root, "f", old)
			c.apply(t, a, c.set())
			c.fetched.Store(0)
			s := change(c, a, f)
			a.Prepare(t.Context(), &s, c)
			c.apply(t, a, s)
			c.equal(t, dir)
			healthy(t, a, dir)
			if got := c.fetched.Load(); got > 100<<10 {
				t.Errorf("%d bytes were fetched", got)
			}
		})
	}
}

func TestListsThatLieCostAFetchAndNothingElse(t *testing.T) {
	old := noise(1, patchSize)
	for name, lie := range map[string]func(chunk.List) chunk.List{
		"chunks exchanged": func(l chunk.List) chunk.List {
			l.Chunks[3], l.Chunks[4] = l.Chunks[4], l.Chunks[3]
			return l
		},
		"a chunk that is another": func(l chunk.List) chunk.List {
			l.Chunks[5].Length += l.Chunks[4].Length - l.Chunks[6].Length
			l.Chunks[4] = l.Chunks[6]
			return l
		},
		"a giant chunk": func(l chunk.List) chunk.List { l.Chunks[3].Length = 1 << 31; return l },
		"zero lengths":  func(l chunk.List) chunk.List { l.Chunks[3].Length = 0; return l },
		"nothing":       func(chunk.List) chunk.List { return chunk.List{} },
		"too much":      func(l chunk.List) chunk.List { l.Chunks = append(l.Chunks, l.Chunks...); return l },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newListing()
			f := c.file(journal.Root, "f", old)
			c.apply(t, a, c.set())
			c.lie = lie
			c.write(f, old[:3<<20]+"edited"+old[3<<20:])
			c.apply(t, a, c.set())
			c.equal(t, dir)
			healthy(t, a, dir)
		})
	}
}

// breaking is a capitol whose connection breaks in the middle of a range.
type breaking struct {
	*listing
	left atomic.Int64 // ranges that come
}

var errBroken = errors.New("the connection broke")

func (b *breaking) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	if b.left.Add(-1) >= 0 {
		return b.listing.Fetch(ctx, n, off, length, w)
	}
	_ = b.listing.Fetch(ctx, n, off, length/2, w)
	return errBroken
}

func TestAConnectionThatBreaksDuringAPatchLeavesNothing(t *testing.T) {
	old := noise(1, patchSize)
	edited := []byte(old)
	for at := 0; at < len(edited); at += 512 << 10 {
		copy(edited[at:], "edited")
	}
	dir := t.TempDir()
	a, c := city(t, dir), newListing()
	f := c.file(journal.Root, "f", old)
	c.apply(t, a, c.set())
	c.write(f, string(edited))
	s := c.set()
	b := &breaking{listing: c}
	b.left.Store(3)
	err := a.Apply(t.Context(), s, b)
	for err == nil {
		<-a.Late()
		err = a.Complete(t.Context(), b)
	}
	if !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if err := a.Begin(t.Context(), applier.Resume); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, applier.StateName, "staging")); err != nil || len(names) > 0 {
		t.Errorf("left in staging: %v %v", names, err)
	}
	c.apply(t, a, s)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestHolesOfAPatchedFileStayHoles(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newListing()
	sparse := noise(1, 1<<20) + strings.Repeat("\x00", 4<<20) + noise(2, 1<<20)
	f := c.file(journal.Root, "f", sparse)
	c.apply(t, a, c.set())
	c.write(f, "edited"+sparse[6:])
	c.apply(t, a, c.set())
	c.equal(t, dir)
	st, err := os.Stat(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if used := st.Sys().(*syscall.Stat_t).Blocks * 512; used > 3<<20 {
		t.Errorf("%d bytes of blocks for 2 MiB of data", used)
	}
}

func TestARelayTellsChunksToo(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newListing()
	body := noise(1, patchSize)
	f := c.file(journal.Root, "f", body)
	small := c.file(journal.Root, "small", "small")
	c.apply(t, a, c.set())
	l, err := a.Chunks(t.Context(), c.nodes[f])
	if err != nil || l.Check(patchSize) != nil {
		t.Errorf("got %d chunks, %v", len(l.Chunks), err)
	}
	var moved *applier.MovedError
	past := c.nodes[f]
	past.Body = journal.Content{Digest: journal.Digest{1}}
	for name, n := range map[string]journal.Node{"a small file": c.nodes[small], "a content of the past": past} {
		if _, err := a.Chunks(t.Context(), n); !errors.As(err, &moved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	a, c := city(b, b.TempDir()), newListing()
	body := noise(1, 64<<20)
	f := c.file(journal.Root, "f", body)
	mustApply(b, a, c.set(), c)
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		c.write(f, body[:32<<20]+noise(uint64(i), 64<<10)+body[32<<20+64<<10:])
		s := c.set()
		b.StartTimer()
		mustApply(b, a, s, c)
		for a.Confirmed() != s.Position {
			<-a.Late()
			if err := a.Complete(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// meddling is a capitol that is asked for a list while somebody edits the city's file.
type meddling struct {
	*listing
	edit func()
}

func (m *meddling) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	m.edit()
	return m.listing.Chunks(ctx, n)
}

// The first edit leaves marks, from which the digest of the second goes on.
func TestAnEditOfTheOldFileDuringAPatchIsSeen(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir), newListing()
	body := noise(1, patchSize)
	f := c.file(journal.Root, "f", body)
	c.apply(t, a, c.set())
	body = body[:4<<20] + "edited" + body[4<<20:]
	c.write(f, body)
	c.apply(t, a, c.set())
	c.write(f, body[:3<<20]+"again"+body[3<<20:])
	s := c.set()
	m := &meddling{c, sync.OnceFunc(func() {
		f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("edited on the city"), 0)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Error(err)
		}
	})}
	mustApply(t, a, s, m)
	for a.Confirmed() != s.Position {
		<-a.Late()
		if err := a.Complete(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	c.equal(t, dir)
	healthy(t, a, dir)
}
