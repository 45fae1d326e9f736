package watcher

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// lateWatch is a notifier that hears nothing, and in whose call something is made: the
// last moment before a watch is there. What was listed before that is lost.
type lateWatch struct{ root string }

func (n lateWatch) watch(_ context.Context, dir string, _ ident) (bool, error) {
	return true, os.WriteFile(filepath.Join(n.root, dir, "late"), nil, 0o644)
}

func (lateWatch) watches() int                   { return 0 }
func (lateWatch) echo() (<-chan struct{}, error) { return nil, nil }
func (lateWatch) run(ctx context.Context) error  { return nil }

// A directory is watched first and listed then: what is made in between makes an event, and
// what was made before is in the listing.
func TestADirectoryIsWatchedBeforeItIsListed(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "tree")
	if err := os.MkdirAll(filepath.Join(root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Config{Path: filepath.Join(base, "journal.db"), Role: journal.Capitol})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w, err := New(Config{Root: root, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	defer w.closeRoot()
	s, err := w.newSession(false)
	if err != nil {
		t.Fatal(err)
	}
	s.notify.(*inotify).fs.Close()
	s.notify = lateWatch{root}
	k := newLooker(s)
	if err := k.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.look(t.Context(), []item{{mark: mark{path: "d"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Resolve(t.Context(), "d/late"); err != nil {
		t.Errorf("by an event: %v", err)
	}
	var page []journal.Stored
	if err := s.walkOne(t.Context(), task{path: "", scope: listing, job: newJob()}, &page); err != nil {
		t.Fatal(err)
	}
	found := false
	for u, ok := s.walks.next(); ok; u, ok = s.walks.next() {
		for _, it := range u.items {
			found = found || it.path == "late"
		}
	}
	if !found {
		t.Error("by a walk: what was made before the watch was there is not in the listing")
	}
}
