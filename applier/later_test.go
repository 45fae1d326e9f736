package applier_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// A log that grows faster than its content comes has to be here some day all the same,
// and once is enough for what was on its way.
func TestWhatGrowsWhileItIsOnItsWayComesOnce(t *testing.T) {
	for name, known := range map[string]bool{"a new file": false, "one that is here": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir, impatient), newSlow()
			c.file(journal.Root, "first", "first")
			var id journal.NodeID
			if known {
				id = c.file(journal.Root, "log", "another content")
			}
			mustApply(t, a, c.set(), c)
			before, path, want := a.Confirmed(), filepath.Join(dir, "log"), large
			if known {
				c.write(id, large)
			} else {
				id = c.file(journal.Root, "log", large)
			}
			mustApply(t, a, c.set(), c)
			for i := range 50 {
				c.grow(id, strconv.Itoa(i))
				want += strconv.Itoa(i)
				mustApply(t, a, c.set(), c)
			}
			if st, err := a.Status(t.Context()); err != nil || st.Late != 1 {
				t.Errorf("status: %+v, %v", st, err)
			}
			if a.Confirmed() != before {
				t.Error("the position says that all is here")
			}
			c.complete(t, a, c.position())
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
			}
			if n := c.wholes.Load(); n != 1 {
				t.Errorf("%d contents were asked for from their first byte", n)
			}
			if n := c.fetched.Load(); n > int64(len(want)) {
				t.Errorf("%d bytes came, of %d", n, len(want))
			}
			c.equal(t, dir)
			healthy(t, a, dir)
		})
	}
}

// While more comes, the beginning is made as soon as it is here: a city that follows a log
// need not wait until the log rests.
func TestTheBeginningOfALogIsMadeWhileMoreComes(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	id := c.file(journal.Root, "log", large)
	mustApply(t, a, c.set(), c)
	close(c.open)
	for i := 0; ; i++ {
		c.grow(id, strconv.Itoa(i))
		mustApply(t, a, c.set(), c)
		if err := a.Complete(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(filepath.Join(dir, "log")); err == nil && fi.Size() >= int64(len(large)) {
			break
		}
		if i > 100_000 {
			t.Fatal("the log is not there")
		}
	}
	c.complete(t, a, c.position())
	c.equal(t, dir)
	healthy(t, a, dir)
}

// What came for a name that is another's by now is not put there.
func TestWhatGrewAndMovedWhileItIsOnItsWay(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	id := c.file(journal.Root, "log", large)
	mustApply(t, a, c.set(), c)
	c.grow(id, "a line")
	c.move(id, journal.Root, "log.1")
	c.file(journal.Root, "log", "a new log")
	mustApply(t, a, c.set(), c)
	if got, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || string(got) != "a new log" {
		t.Errorf("%q, %v", got, err)
	}
	c.complete(t, a, c.position())
	c.equal(t, dir)
	healthy(t, a, dir)
}

// A content that nobody wants any more stops coming.
func TestWhatIsReplacedOnItsWayEnds(t *testing.T) {
	dir := t.TempDir()
	a, c := city(t, dir, impatient), newSlow()
	id := c.file(journal.Root, "file", large)
	mustApply(t, a, c.set(), c)
	for i := range 40 { // more than are fetched at once
		c.write(id, large+strconv.Itoa(i))
		mustApply(t, a, c.set(), c)
	}
	c.complete(t, a, c.position())
	if n, most := c.fetched.Load(), int64(2*len(large)+10_000); n > most {
		t.Errorf("%d bytes came, more than %d", n, most)
	}
	c.equal(t, dir)
	healthy(t, a, dir)
}

// cutting lets the first bytes of each content come, and then breaks.
type cutting struct {
	*capitol
	after int64
}

func (c cutting) Fetch(ctx context.Context, n journal.Node, off, _ int64, w io.Writer) error {
	return errors.Join(c.capitol.Fetch(ctx, n, off, c.after-off, w), errCut)
}

// After a break the capitol tells of the newest content only: what came of the one
// before is its beginning.
func TestABreakCostsNothingOfALogThatGrew(t *testing.T) {
	const size, some = 4 << 20, 3 << 20
	for name, came := range map[string]int64{"in the middle": some, "when all was here": size} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, c := city(t, dir, impatient), newCapitol()
			mustApply(t, a, c.set(), c)
			id := c.file(journal.Root, "log", strings.Repeat("line ", size/5+1)[:size])
			if came == size {
				mustApply(t, a, c.set(), c)
				<-a.Late() // nobody takes it
			} else {
				mustApply(t, a, c.set(), cutting{c, came})
				eventually(t, "some has come", func() bool { return c.fetched.Load() == came })
			}
			if err := a.Begin(t.Context(), applier.Resume); err != nil {
				t.Fatal(err)
			}
			before := c.fetched.Load()
			c.grow(id, "and more")
			mustApply(t, a, c.set(), c)
			for a.Confirmed() != c.position() {
				<-a.Late()
				if err := a.Complete(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			if n := c.fetched.Load() - before; n > size-came+100 {
				t.Errorf("%d bytes came after the break, %d were missing", n, size-came+8)
			}
			c.equal(t, dir)
			healthy(t, a, dir)
		})
	}
}
