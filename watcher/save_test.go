package watcher_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/watcher"
)

// A save by a temporary file makes no entry of it, also where the rename comes a
// while after the close: the name says what it is.
func TestATemporaryFileIsNotTold(t *testing.T) {
	for _, temporary := range []string{".f.swp", "f~", "f.tmp.4711", "#f#", "4913"} {
		t.Run(temporary, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = 2*time.Second, 10*time.Second })
			mustNot(t, os.WriteFile(r.path("f"), []byte("old"), 0o644))
			r.start()
			mustNot(t, os.WriteFile(r.path(temporary), []byte("new"), 0o644))
			time.Sleep(50 * time.Millisecond) // well within the window: the look comes first
			mustNot(t, os.Rename(r.path(temporary), r.path("f")))
			r.settle()
			entries, err := r.j.Entries(context.Background(), 0, 100)
			mustNot(t, err)
			for _, e := range entries {
				if e.Change.Node.Name == temporary {
					t.Errorf("entry %d tells of %s", e.Seq, temporary)
				}
			}
		})
	}
}

func TestAnOrdinaryNewFileDoesNotWait(t *testing.T) {
	r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = time.Hour, 2*time.Hour })
	r.start()
	mustNot(t, os.WriteFile(r.path("report.txt"), []byte("new"), 0o644))
	r.settle() // or never
}
