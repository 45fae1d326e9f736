package applier_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// counter fails the n-th changing call, or ends the world there: then every
// later call fails too, as if the process were gone.
type counter struct {
	n    atomic.Int64 // 0: only count
	err  error
	dead bool
	seen atomic.Int64
	op   atomic.Value
}

var errKilled = errors.New("killed")

func (c *counter) Before(op, name string) error {
	i := c.seen.Add(1)
	if n := c.n.Load(); n == 0 || i < n || i > n && !c.dead {
		return nil
	}
	c.op.CompareAndSwap(nil, op+" "+name)
	return c.err
}

// scenario is a tree and a set that uses every kind of call.
func scenario(t *testing.T, dir string) (c *capitol, set applier.Set) {
	c = newCapitol()
	a := city(t, dir)
	d := c.dir(journal.Root, "d")
	e := c.dir(d, "e")
	f := c.file(e, "f", "one")
	g := c.file(d, "g", strings.Repeat("log line\n", 10))
	h := c.file(journal.Root, "h", "to go")
	x, y := c.file(journal.Root, "x", "xx"), c.dir(journal.Root, "y")
	l := c.link(y, "l", "target")
	mustApply(t, a, c.set(), c)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c.write(f, "two")
	c.grow(g, "another line\n")
	c.remove(h)
	c.move(x, journal.Root, "y")
	c.move(y, journal.Root, "x")
	c.move(e, y, "e")
	c.move(d, e, "d")
	c.move(l, d, "l2")
	c.edit(x, func(n *journal.Node) { n.Mode = 0o600 })
	big := c.file(e, "big", strings.Repeat("far away", 5000))
	link := c.nodes[big]
	link.Link = 900
	c.edit(big, func(n *journal.Node) { n.Link = 900 })
	link.ID, link.Name = 0, "big2"
	c.put(link)
	return c, c.set()
}

// TestACrashAtAnyCallIsHealed ends the process at the n-th changing call, for
// every n, starts again, and applies the set again.
func TestACrashAtAnyCallIsHealed(t *testing.T) {
	for n := int64(1); ; n++ {
		calls := &counter{err: errKilled, dead: true}
		calls.n.Store(n)
		over := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := t.TempDir()
			c, set := scenario(t, dir)
			a, err := applier.Open(applier.Config{Root: dir, MaxDelete: applier.Limit{Count: 1000}, Calls: calls})
			if err == nil {
				err = errors.Join(a.Apply(t.Context(), set, c), a.Close())
			}
			if over = calls.seen.Load() < n; over {
				return
			}
			recorded := err == nil && calls.op.Load() == "write intent" // the last call of all
			if !errors.Is(err, errKilled) && !recorded {
				t.Fatalf("killed at %v, Apply said %v", calls.op.Load(), err)
			}
			b := city(t, dir)
			mustApply(t, b, set, c)
			c.equal(t, dir)
			healthy(t, b, dir)
			if t.Failed() {
				t.Logf("killed at %v", calls.op.Load())
			}
		})
		if over || t.Failed() {
			if n < 40 && !t.Failed() {
				t.Errorf("only %d calls: the hook is not where it should be", n)
			}
			return
		}
	}
}

// beforeRecord ends the world when everything is in its place and nothing is recorded.
type beforeRecord struct{ dead atomic.Bool }

func (b *beforeRecord) Before(op, name string) error {
	if op == "record" {
		b.dead.Store(true)
	}
	if b.dead.Load() {
		return errKilled
	}
	return nil
}

// TestAKillBeforeTheRecordIsNoStrangersDoing: rows and disk agree as soon as the
// destination is open again, before any set.
func TestAKillBeforeTheRecordIsNoStrangersDoing(t *testing.T) {
	dir := t.TempDir()
	c, set := scenario(t, dir)
	a, err := applier.Open(applier.Config{Root: dir, MaxDelete: applier.Limit{Count: 1000}, Calls: &beforeRecord{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Apply(t.Context(), set, c), a.Close()); !errors.Is(err, errKilled) {
		t.Fatalf("Apply said %v", err)
	}
	b := city(t, dir)
	healthy(t, b, dir)
	if r, err := b.Verify(t.Context(), true, nil); err != nil || r.Extra > 0 {
		t.Errorf("verify: %v, %d names that nobody made", err, r.Extra)
	}
	mustApply(t, b, set, c)
	c.equal(t, dir)
	healthy(t, b, dir)
}

// TestAnErrorAtAnyCallIsHealed fails only the n-th call, with errors of the
// whole disk and of one path; the same process applies the set again.
func TestAnErrorAtAnyCallIsHealed(t *testing.T) {
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EROFS, syscall.EIO, syscall.EACCES} {
		t.Run(no.Error(), func(t *testing.T) {
			for n := int64(12); ; n++ {
				dir := t.TempDir()
				c, set := scenario(t, dir)
				calls := &counter{err: no}
				a := city(t, dir, func(cfg *applier.Config) { cfg.Calls = calls })
				calls.n.Store(calls.seen.Load() + n - 11)
				err := a.Apply(t.Context(), set, c)
				if calls.seen.Load() < calls.n.Load() {
					break
				}
				if no == syscall.ENOSPC && calls.op.Load() != nil && err != nil && !errors.Is(err, applier.ErrNoSpace) {
					t.Errorf("call %d (%v): Apply said %v", n, calls.op.Load(), err)
				}
				calls.n.Store(0)
				mustApply(t, a, set, c)
				c.equal(t, dir)
				healthy(t, a, dir)
				a.Close()
				if t.Failed() {
					t.Fatalf("at call %d, %v, first said %v", n, calls.op.Load(), err)
				}
				os.RemoveAll(dir)
			}
		})
	}
}

// TestARepairThatBreaksOffIsDoneAgain ends the process at the n-th call, and lets its repair
// by the next fail once, anywhere.
func TestARepairThatBreaksOffIsDoneAgain(t *testing.T) {
	const each = 4 // of the points of a repair: so that all together take seconds
	for n := int64(1); ; n++ {
		for m := n%each + 1; ; m += each {
			killed, repaired := breaksOff(t, n, m)
			if t.Failed() || !killed && n > 20 {
				return
			}
			if repaired || !killed {
				break
			}
		}
	}
}

// breaksOff says whether the set was killed before it was done, and whether its repair was
// done before the m-th call.
func breaksOff(t *testing.T, n, m int64) (killed, repaired bool) {
	dir := quick(t)
	defer os.RemoveAll(dir)
	c, set := movedAndRewritten(t, dir)
	open := func(calls *counter) (*applier.Applier, error) {
		return applier.Open(applier.Config{Root: dir, MaxDelete: applier.Limit{Count: 1000}, Calls: calls})
	}
	calls := &counter{err: errKilled, dead: true}
	a, err := open(calls)
	if err != nil {
		t.Fatal(err)
	}
	calls.n.Store(calls.seen.Load() + n)
	killed = a.Apply(t.Context(), set, c) != nil
	a.Close()
	again := &counter{err: syscall.EIO}
	again.n.Store(m)
	if b, err := open(again); err == nil {
		b.Close()
	}
	b := city(t, dir)
	defer b.Close()
	mustApply(t, b, set, c)
	c.equal(t, dir)
	healthy(t, b, dir)
	if t.Failed() {
		t.Logf("killed at %d (%v), its repair failed at %d (%v)", n, calls.op.Load(), m, again.op.Load())
	}
	return killed, again.seen.Load() < m
}

// movedAndRewritten is a tree, and a set that makes files anew elsewhere.
func movedAndRewritten(t *testing.T, dir string) (*capitol, applier.Set) {
	c, a := newCapitol(), city(t, dir)
	d := c.dir(journal.Root, "d")
	f, g, h := c.file(journal.Root, "f", "one"), c.file(d, "g", "two"), c.file(d, "h", "three")
	mustApply(t, a, c.set(), c)
	a.Close()
	n := c.dir(journal.Root, "new")
	c.move(f, n, "f")
	c.write(f, "other bytes")
	c.move(d, n, "d")
	c.move(g, journal.Root, "f")
	c.write(g, "and others")
	c.remove(h)
	c.file(d, "h", "a new one")
	return c, c.set()
}

// TestAComparisonWaitsForTheRepair: a set fails, its repair too, and the next connection
// begins under other ids.
func TestAComparisonWaitsForTheRepair(t *testing.T) {
	for n := int64(1); ; n++ {
		for m := n%3 + 1; m < 30; m += 3 {
			failed := beginsAnew(t, n, m)
			if t.Failed() || !failed && n > 20 {
				return
			}
		}
	}
}

// beginsAnew says whether the set failed.
func beginsAnew(t *testing.T, n, m int64) (failed bool) {
	dir := quick(t)
	defer os.RemoveAll(dir)
	c, set := movedAndRewritten(t, dir)
	var armed atomic.Bool
	var seen atomic.Int64
	a := city(t, dir, func(cfg *applier.Config) {
		cfg.Calls = hooked(func(op, name string) error {
			if !armed.Load() {
				return nil
			}
			switch seen.Add(1) {
			case n:
				return syscall.ENOSPC
			case n + m:
				return syscall.EIO
			}
			return nil
		})
	})
	defer a.Close()
	armed.Store(true)
	failed = a.Apply(t.Context(), set, c) != nil
	err := a.Begin(t.Context(), applier.Renumber)
	armed.Store(false)
	if err != nil {
		err = a.Begin(t.Context(), applier.Renumber)
	}
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, a, c.full(), c)
	c.equal(t, dir)
	healthy(t, a, dir)
	if t.Failed() {
		t.Logf("call %d of the set was refused, and %d more", n, m)
	}
	return failed
}
