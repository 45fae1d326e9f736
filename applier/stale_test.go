package applier_test

import (
	"context"
	"io"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// TestWhatNoHeirCameForGoes compares two trees after a renumbering while a file
// is edited and moved at the source: the comparison cannot have its content any
// more, and what comes next is not at the place of the city's old file.
func TestWhatNoHeirCameForGoes(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		name := "at once"
		if restarted {
			name = "after a restart"
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir), newCapitol()
			c.inline = 0
			sub := c.dir(journal.Root, "sub")
			f := c.file(journal.Root, "name", "old")
			mustApply(t, a, c.set(), c)
			if err := a.Begin(context.Background(), applier.Renumber); err != nil {
				t.Fatal(err)
			}
			c.write(f, "newer")
			lost := fetcher(func(context.Context, journal.Node, int64, int64, io.Writer) error { return movedOn{} })
			mustApply(t, a, c.full(), lost)
			if restarted {
				a.Close()
				a = city(t, dir)
			}
			c.move(f, sub, "name")
			mustApply(t, a, c.set(), c)
			a.Settle()
			c.equal(t, dir)
			healthy(t, a, dir)
			if rows, err := a.Journal().ScanFrom(context.Background(), -1<<62, 1); err != nil || rows[0].Node.ID < 0 {
				t.Errorf("the journal still has the stale row of %q (%v)", rows[0].Node.Name, err)
			}
		})
	}
}
