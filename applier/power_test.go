package applier_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath/memory"
	"github.com/hydrasync/hydrasync/journal"
)

// What the campaigns found, each by itself.

// hooked sees changing calls.
type hooked func(op, name string) error

func (h hooked) Before(op, name string) error { return h(op, name) }

// powerless is a replica whose machine forgets all that is not flushed, names included.
func powerless(t *testing.T, change ...func(*applier.Config)) (*replica, *capitol) {
	r := begin(t, quick(t), change...)
	r.disk.Weak = true
	t.Cleanup(func() { r.Close() })
	return r, newCapitol()
}

// restart loses what was not flushed and opens again.
func (r *replica) restart(t *testing.T) {
	r.Close()
	r.disk = r.disk.Crash(0, rand.New(rand.NewPCG(1, 1)))
	r.disk.Seen = nil
	r.open(t)
}

// killAt ends the process before a call.
func killAt(r **replica, when func(op, name string) bool) func(*applier.Config) {
	return func(c *applier.Config) {
		c.Calls = hooked(func(op, name string) error {
			if *r != nil && when(op, name) {
				(*r).disk.Kill(errKilled)
				return errKilled
			}
			return nil
		})
	}
}

func atRecord(op, _ string) bool { return op == "record" }

func TestWhatWentFromAKeptDirectoryStaysAwayWhenThePowerGoes(t *testing.T) {
	r, c := powerless(t)
	d := c.dir(0, "d")
	c.file(d, "ours", "body")
	r.must(t, c.set(), c)
	r.disk.Put("d/stranger", "foreign")
	c.remove(d)
	r.must(t, c.set(), c)
	r.restart(t)
	if diff := c.unlikeBut(r.disk, map[string]bool{"foreign": true}, map[string]bool{}); len(diff) > 0 {
		t.Errorf("%q", diff)
	}
}

func TestTheFirstSetIsFinishedWhenThePowerGoes(t *testing.T) {
	var armed *replica
	r, c := powerless(t, killAt(&armed, atRecord))
	armed = r
	c.file(0, "f", "body")
	if r.Apply(t.Context(), c.set(), c) == nil {
		t.Fatal("nobody was killed")
	}
	armed = nil
	r.restart(t)
	if tree := r.disk.Tree(); len(tree) > 1 {
		t.Errorf("left without a row: %v", tree)
	}
}

// syncing tells when the intent is on the disk.
type syncing struct {
	*memory.Disk
	flushed chan struct{}
}

func (s *syncing) SyncData(fd int) error {
	defer close(s.flushed)
	return s.Disk.SyncData(fd)
}

// The intent is flushed beside the contents: it may be on the disk, and they not.
func TestAContentThatWasNotFlushedIsNotBelieved(t *testing.T) {
	r, c := powerless(t)
	r.disk.Weak = false // one flush takes all names along
	f := c.file(0, "f", "the old version")
	r.must(t, c.set(), c)
	r.Close()
	flushed := make(chan struct{})
	r.cfg.Calls = hooked(func(op, name string) error {
		if op == "fsync" && name != "." {
			<-flushed
			r.disk.Kill(errKilled)
			return errKilled
		}
		return nil
	})
	r.cfg.Kernel = &syncing{r.disk, flushed}
	var err error
	if r.Applier, err = applier.Open(r.cfg); err != nil {
		t.Fatal(err)
	}
	c.write(f, "a newer version")
	if r.Apply(t.Context(), c.set(), c) == nil {
		t.Fatal("nobody was killed")
	}
	r.cfg.Calls = nil
	r.restart(t)
	if got := r.disk.Tree()["f"].Content; got != "the old version" {
		t.Errorf("a reader meets %q", got)
	}
}

func TestWhatComesBackFromStagingBringsItsOwn(t *testing.T) {
	var armed *replica
	r, c := powerless(t, withTrash("off"), killAt(&armed, atRecord))
	d := c.dir(0, "d")
	f := c.file(d, "f", "body")
	r.must(t, c.set(), c)
	c.remove(f)
	c.remove(d)
	s := c.since(2)
	armed = r
	if r.Apply(t.Context(), s, c) == nil {
		t.Fatal("nobody was killed")
	}
	armed = nil
	r.restart(t)
	r.must(t, s, c)
	if diff := c.unlike(r.disk, nil); len(diff) > 0 {
		t.Errorf("%q", diff)
	}
	r.sound(t)
}

func TestTwoSetsOfOneMillisecondShareATrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still
		r, c := powerless(t)
		defer r.Close()
		d := c.dir(0, "d")
		f := c.file(d, "f", "first")
		c.file(0, "e", "second")
		r.must(t, c.set(), c)
		c.remove(c.at("e"))
		r.must(t, unplaced(c.set()), c)
		c.move(d, 0, "e")
		r.must(t, unplaced(c.set()), c)
		c.remove(f)
		r.must(t, unplaced(c.set()), c)
		if diff := c.unlike(r.disk, nil); len(diff) > 0 {
			t.Errorf("%q", diff)
		}
		if !r.holds("first") || !r.holds("second") {
			t.Error("the trash lacks a version")
		}
	})
}

// unplaced is a set that others complete: its folder in the trash has no number.
func unplaced(s applier.Set) applier.Set {
	s.Position = journal.Position{}
	return s
}
