package watcher_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/hydrasync/hydrasync/watcher"
)

// largeSize is several marks' distance.
const largeSize = 6 << 20

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

func newListing(t testing.TB) (*rig, string) {
	dir := filepath.Join(t.TempDir(), "chunks")
	return newRig(t, func(c *watcher.Config) { c.Lists = chunk.NewStore(dir) }), dir
}

func mustCut(t testing.TB, b []byte) chunk.List {
	t.Helper()
	l, err := chunk.Cut(bytes.NewReader(b), chunk.GrainOf(int64(len(b))), make([]byte, 64<<10))
	mustNot(t, err)
	return l
}

// overwrite writes in place, as databases do; WriteFile would begin with an empty file.
func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	mustNot(t, err)
	_, err = f.WriteAt(b, 0)
	mustNot(t, errors.Join(err, f.Truncate(int64(len(b))), f.Close()))
}

func TestEditedLargeFilesHaveTheirDigestAndTheirList(t *testing.T) {
	r, _ := newListing(t)
	body := randomBytes(1, largeSize)
	mustNot(t, os.WriteFile(r.path("f"), body, 0o644))
	r.start()
	was := r.row("f").Node
	for _, edit := range []struct {
		name  string
		grows bool
		apply func([]byte) []byte
	}{
		{"in the middle", false, func(b []byte) []byte { copy(b[4<<20:], "edited"); return b }},
		{"at the beginning", false, func(b []byte) []byte { copy(b, "edited"); return b }},
		{"in the last bytes", false, func(b []byte) []byte { copy(b[len(b)-6:], "edited"); return b }},
		{"an insertion", false, func(b []byte) []byte { return slices.Insert(b, 3<<20, randomBytes(2, 100_000)...) }},
		{"cut short", false, func(b []byte) []byte { return b[:5<<20+5] }},
		{"appended to", true, func(b []byte) []byte { return append(b, randomBytes(3, 1<<20)...) }},
		{"many places", false, func(b []byte) []byte {
			for at := 0; at < len(b); at += 1 << 20 {
				b[at]++
			}
			return b
		}},
	} {
		t.Run(edit.name, func(t *testing.T) {
			body = edit.apply(slices.Clone(body))
			overwrite(t, r.path("f"), body)
			r.settle()
			n := r.row("f").Node
			if n.Body.Digest != journal.Digest(sha256.Sum256(body)) || n.Body.Size != int64(len(body)) {
				t.Fatalf("the journal has %d bytes, or their digest, which is not the file's", n.Body.Size)
			}
			if edit.grows != (n.Body.Generation == was.Body.Generation) {
				t.Errorf("generation %d after %d", n.Body.Generation, was.Body.Generation)
			}
			got, err := r.w.Chunks(t.Context(), n)
			mustNot(t, err)
			if want := mustCut(t, body); got.Grain != want.Grain || !slices.Equal(got.Chunks, want.Chunks) {
				t.Errorf("a list of %d chunks, want %d others", len(got.Chunks), len(want.Chunks))
			}
			was.Body.Size = 0
			if _, err := r.w.Chunks(t.Context(), was); err != nil {
				t.Errorf("the version before has no list any more: %v", err)
			}
			was = n
		})
	}
}

func TestListsAreMadeForWhoAsks(t *testing.T) {
	r, dir := newListing(t)
	body := randomBytes(1, 3<<20)
	mustNot(t, os.WriteFile(r.path("f"), body, 0o644))
	mustNot(t, os.WriteFile(r.path("small"), body[:chunk.MinSize-1], 0o644))
	r.start()
	n, small := r.row("f").Node, r.row("small").Node
	r.halt()
	mustNot(t, os.RemoveAll(dir))
	r.cfg.Lists = chunk.NewStore(dir)
	r.start()
	for range 2 {
		got, err := r.w.Chunks(t.Context(), n)
		mustNot(t, err)
		if want := mustCut(t, body); !slices.Equal(got.Chunks, want.Chunks) {
			t.Errorf("%d chunks, want %d others", len(got.Chunks), len(want.Chunks))
		}
	}
	other := n
	other.Body = journal.Content{Digest: journal.Digest{1}}
	for name, n := range map[string]journal.Node{"a small file": small, "a content of the past that was not kept": other} {
		if _, err := r.w.Chunks(t.Context(), n); !errors.Is(err, watcher.ErrMoved) {
			t.Errorf("%s: %v, want ErrMoved", name, err)
		}
	}
	n.Body.Size++
	n.Body.Digest[0]++
	if _, err := r.w.Chunks(t.Context(), n); !errors.Is(err, watcher.ErrMoved) {
		t.Errorf("a content that it does not have: %v, want ErrMoved", err)
	}
}

func TestALargeFileThatIsTouchedMakesNoEntry(t *testing.T) {
	r, _ := newListing(t)
	mustNot(t, os.WriteFile(r.path("f"), randomBytes(1, largeSize), 0o644))
	r.start()
	was := r.row("f").Node
	mustNot(t, os.Chtimes(r.path("f"), time.Now(), time.Unix(1e9, 0)))
	r.settle()
	if now := r.row("f").Node; now.Body != was.Body || now.MTime == was.MTime {
		t.Errorf("got %+v, want the content of %+v with another time", now, was)
	}
}
