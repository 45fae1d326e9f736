package watcher_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
)

func TestReadServesWhatTheJournalSays(t *testing.T) {
	const size = 100_000 // more than is kept after hashing
	r := newRig(t)
	names := []string{"stays", "away", "one", "two", "grown", "edited", "cut", "removed"}
	mustNot(t, os.Mkdir(r.path("dir"), 0o755))
	for i, name := range names {
		mustNot(t, os.WriteFile(r.path("dir/"+name), bytes.Repeat([]byte{byte('a' + i)}, size), 0o644))
	}
	r.start()
	nodes := map[string]journal.Node{}
	for _, name := range names {
		nodes[name] = r.row("dir/" + name).Node
	}
	mustNot(t, os.Rename(r.path("dir/away"), r.path("elsewhere")))
	mustNot(t, os.Rename(r.path("dir/one"), r.path("dir/three")))
	mustNot(t, os.Rename(r.path("dir/two"), r.path("dir/one")))
	mustNot(t, os.Rename(r.path("dir/three"), r.path("dir/two")))
	mustNot(t, r.do([]string{"append", "dir/grown", "more"}))
	mustNot(t, r.do([]string{"patch", "dir/edited", "5", "other"}))
	mustNot(t, os.Truncate(r.path("dir/cut"), 10))
	mustNot(t, os.Remove(r.path("dir/removed")))
	r.settle()
	for i, name := range names {
		for _, at := range []int{0, 10} {
			b := make([]byte, size-at)
			err := r.w.Read(t.Context(), nodes[name], "dir/"+name, b, int64(at))
			switch name {
			case "edited", "cut", "removed":
				if !errors.Is(err, watcher.ErrMoved) {
					t.Errorf("%s from %d: %v, want %v", name, at, err, watcher.ErrMoved)
				}
			default:
				if err != nil || !bytes.Equal(b, bytes.Repeat([]byte{byte('a' + i)}, size-at)) {
					t.Errorf("%s from %d: %v, or the bytes of another: %q", name, at, err, b[:1])
				}
			}
		}
	}
}

func TestReadOfAFewBytesThatWereJustHashed(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("f"), []byte("hello"), 0o644))
	r.start()
	b := make([]byte, 3)
	mustNot(t, r.w.Read(t.Context(), r.row("f").Node, "f", b, 2))
	if string(b) != "llo" {
		t.Errorf("got %q, want %q", b, "llo")
	}
}

func TestReadOfTheTailThatWasJustHashed(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("log"), bytes.Repeat([]byte{'l'}, 100_000), 0o644))
	r.start()
	mustNot(t, r.do([]string{"append", "log", "more"}))
	r.settle()
	n := r.row("log").Node
	mustNot(t, os.Remove(r.path("log")))
	b := make([]byte, n.Body.Size-100_000)
	mustNot(t, r.w.Read(t.Context(), n, "log", b, 100_000))
	if !bytes.HasPrefix(b, []byte("more")) {
		t.Errorf("got %q, want what was appended", b)
	}
	if err := r.w.Read(t.Context(), n, "log", make([]byte, 10), 99_990); !errors.Is(err, watcher.ErrMoved) {
		t.Errorf("bytes before the tail: %v, want %v", err, watcher.ErrMoved)
	}
}
