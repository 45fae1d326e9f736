package watcher

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// TestAnEventIsMoreThanAListing: a walk has listed a directory, and something
// happened to its name before the look: another directory may be there by now, and the walk has
// listed the wrong one. Then the look has to see to it.
func TestAnEventIsMoreThanAListing(t *testing.T) {
	listed, event := item{mark: mark{path: "d"}, listed: true}, item{mark: mark{path: "d"}}
	for name, items := range map[string][]item{"the walk first": {listed, event}, "the event first": {event, listed}} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			root := filepath.Join(base, "tree")
			if err := os.MkdirAll(filepath.Join(root, "d", "inside"), 0o755); err != nil {
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
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error)
			go func() { ended <- s.notify.run(ctx) }()
			defer func() { cancel(); <-ended }()
			k := newLooker(s)
			if err := k.begin(ctx); err != nil {
				t.Fatal(err)
			}
			if err := k.look(ctx, items); err != nil {
				t.Fatal(err)
			}
			if _, err := j.Resolve(ctx, "d/inside"); err != nil {
				t.Errorf("what is in it was left to the walk: %v", err)
			}
		})
	}
}
