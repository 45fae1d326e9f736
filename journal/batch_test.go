package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hydrasync/hydrasync/journal"
)

// forest is what a capitol's journal should hold: every living node.
type forest map[journal.NodeID]journal.Node

// with is the tree that a batch leaves, whatever order its changes are in, and
// the error that it deserves.
func (f forest) with(batch []journal.Change) (forest, error) {
	after := maps.Clone(f)
	for _, c := range batch {
		if c.Gone {
			delete(after, c.Node.ID)
		} else {
			after[c.Node.ID] = c.Node
		}
	}
	mentioned := map[journal.NodeID]bool{}
	for _, c := range batch {
		if !c.Gone && !f[c.Node.ID].Equal(c.Node) { // what is unchanged is no news: it goes with what it is in
			mentioned[c.Node.ID] = true
		}
	}
	var wrong error
	names, clash := map[string]bool{}, false
	for id, n := range after {
		alive, why := after.alive(id)
		if !alive && mentioned[id] {
			wrong = errors.Join(wrong, why)
		}
		name := fmt.Sprint(n.Parent, "/", n.Name)
		if alive && names[name] { // who shares a directory lives or not together
			wrong = errors.Join(wrong, &journal.NameTakenError{})
		}
		clash = clash || names[name]
		names[name] = true
	}
	if clash && wrong != nil { // where several things are wrong, any is named
		wrong = errors.Join(wrong, &journal.NameTakenError{})
	}
	maps.DeleteFunc(after, func(id journal.NodeID, _ journal.Node) bool {
		alive, _ := after.alive(id)
		return !alive
	})
	return after, wrong
}

// alive climbs; it reads only, so it may be used while others are deleted.
func (f forest) alive(id journal.NodeID) (bool, error) {
	for hops := 0; id != journal.Root; hops++ {
		n, ok := f[id]
		if !ok || hops > 0 && n.Kind != journal.Dir {
			return false, journal.ErrOrphan
		}
		if hops > len(f) {
			return false, journal.ErrInvalid
		}
		id = n.Parent
	}
	return true, nil
}

// draw makes a change of anything to anything: most batches of several are of
// use, some cannot be.
func (f forest) draw(t *rapid.T, used []journal.NodeID, next func() journal.NodeID) journal.Change {
	dirs := []journal.NodeID{journal.Root}
	for id, n := range f {
		if n.Kind == journal.Dir && id != journal.Root {
			dirs = append(dirs, id)
		}
	}
	slices.Sort(dirs)
	var id journal.NodeID
	if len(used) == 0 || rapid.IntRange(0, 2).Draw(t, "new") == 0 {
		id = next()
	} else {
		id = rapid.SampledFrom(used).Draw(t, "id")
	}
	if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
		return gone(id)
	}
	parent := rapid.SampledFrom(dirs).Draw(t, "parent")
	name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
	if n, ok := f[id]; ok && rapid.Bool().Draw(t, "stays") {
		parent, name = n.Parent, n.Name
	}
	if rapid.Bool().Draw(t, "dir") {
		return dir(id, parent, name)
	}
	return file(id, parent, name, rapid.Byte().Draw(t, "content"))
}

// Any batch that leaves a tree is taken, in any order; any other is refused
// with the reason and leaves nothing. The sums are those of what is there.
func TestBatchIsJudgedByWhatItLeaves(t *testing.T) {
	dir := t.TempDir()
	taken, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, fmt.Sprint(time.Now().UnixNano()))
		j := MustOpen(t, journal.Capitol, path)
		defer os.Remove(path)
		defer j.Close()
		MustAppend(t, j, root())
		now := forest{journal.Root: root().Node}
		var used []journal.NodeID
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			batch := drawBatch(rt, now, used, j.NewID)
			for _, c := range batch {
				used = append(used, c.Node.ID)
			}
			after, want := now.with(batch)
			rt.Logf("append %s", tell(batch))
			before := j.Position()
			_, err := j.Append(ctx, batch)
			if !judgedAs(err, want) {
				rt.Fatalf("append %s\nto %s\nsays %v, want %v", tell(batch), tellForest(now), err, want)
			}
			if err != nil {
				refused++
				if j.Position() != before {
					rt.Fatalf("a refused append moved the head to %v", j.Position())
				}
				after = now
			} else {
				taken++
			}
			if now = after; rapid.IntRange(0, 3).Draw(rt, "tidy") == 0 {
				if err := j.Tidy(); err != nil {
					rt.Fatal(err)
				}
			}
			now.check(rt, j)
		}
	})
	if taken == 0 || refused == 0 {
		t.Errorf("%d batches were taken, %d refused: the batches are not what this test needs", taken, refused)
	}
}

func drawBatch(t *rapid.T, now forest, used []journal.NodeID, next func() journal.NodeID) []journal.Change {
	byID := map[journal.NodeID]journal.Change{}
	soon := maps.Clone(now)
	for range rapid.IntRange(1, 6).Draw(t, "changes") {
		c := soon.draw(t, used, next)
		byID[c.Node.ID] = c
		used = append(used, c.Node.ID)
		if c.Gone {
			delete(soon, c.Node.ID)
		} else {
			soon[c.Node.ID] = c.Node
		}
	}
	ids := slices.Sorted(maps.Keys(byID))
	var batch []journal.Change
	for _, id := range rapid.Permutation(ids).Draw(t, "order") {
		batch = append(batch, byID[id])
	}
	return batch
}

// judgedAs says whether an error is one of those that a batch deserves.
func judgedAs(err, want error) bool {
	if err == nil || want == nil {
		return err == nil && want == nil
	}
	var taken *journal.NameTakenError
	return errors.As(err, &taken) && errors.As(want, new(*journal.NameTakenError)) ||
		errors.Is(err, journal.ErrOrphan) && errors.Is(want, journal.ErrOrphan) ||
		errors.Is(err, journal.ErrInvalid) && errors.Is(want, journal.ErrInvalid)
}

// check compares the journal with the model: the nodes, and the sum beneath
// every directory.
func (f forest) check(t *rapid.T, j *journal.Journal) {
	t.Helper()
	found := forest{}
	for c := j.All(nil); ; {
		chunk, err := c.Next(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range chunk.Entries {
			found[e.Change.Node.ID] = e.Change.Node
		}
		if chunk.Done {
			break
		}
	}
	if !maps.EqualFunc(found, f, journal.Node.Equal) {
		t.Fatalf("the journal holds %s\nwant %s", tellForest(found), tellForest(f))
	}
	beneath := map[journal.NodeID]journal.Sum{}
	for id, n := range f {
		for up := n.Parent; id != journal.Root && up != 0; up = f[up].Parent {
			beneath[up] = beneath[up].Plus(journal.SumOf(&n))
		}
	}
	for id, n := range f {
		s, err := j.Node(ctx, id)
		if err != nil || n.Kind == journal.Dir && s.Beneath != beneath[id] {
			t.Fatalf("beneath %d: %+v, %v; want %+v\nof %s", id, s.Beneath, err, beneath[id], tellForest(f))
		}
	}
	all := journal.SumOf(ptr(f[journal.Root])).Plus(beneath[journal.Root])
	stats, err := j.Stats(ctx)
	if err != nil || stats.Nodes != all.Nodes || stats.Bytes != all.Bytes || j.Position().Digest != all.Digest {
		t.Fatalf("stats %+v, %v at %v; want %+v", stats, err, j.Position(), all)
	}
}

func ptr[T any](v T) *T { return &v }

func tell(batch []journal.Change) (text string) {
	for _, c := range batch {
		if c.Gone {
			text += fmt.Sprintf("[%d gone] ", c.Node.ID)
		} else {
			text += fmt.Sprintf("[%d %v %d/%s] ", c.Node.ID, c.Node.Kind, c.Node.Parent, c.Node.Name)
		}
	}
	return text
}

func tellForest(f forest) (text string) {
	for _, id := range slices.Sorted(maps.Keys(f)) {
		text += tell([]journal.Change{{Node: f[id]}})
	}
	return text
}

func TestWhatComesBackFromARemovedDirectoryComesBackEmpty(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, dir(2, 1, "a"), dir(3, 2, "b"), file(4, 3, "x", 1))
	MustAppend(t, j, gone(2))
	MustAppend(t, j, dir(3, 1, "b"), file(5, 3, "x", 2))
	if s, err := j.Resolve(ctx, "b/x"); err != nil || s.Node.ID != 5 {
		t.Errorf("b/x is node %d, %v; want 5", s.Node.ID, err)
	}
	checkDigest(t, j)
}

func TestTwoNodesThatWantOneNameAreBothNamed(t *testing.T) {
	j := MustNew(t)
	changes := []journal.Change{dir(2, 1, "d")}
	for id := journal.NodeID(10); id < 100; id++ { // more than one statement's worth
		changes = append(changes, file(id, 2, fmt.Sprint(id), 1))
	}
	before := MustAppend(t, j, changes...)
	for i := range changes {
		changes[i].Node.ID += 1000
		changes[i].Node.Parent += 1000
	}
	changes[0].Node.Parent, changes[0].Node.Name = 1, "e"
	changes[50].Node.Name = changes[60].Node.Name
	_, err := j.Append(ctx, changes)
	var taken *journal.NameTakenError
	if !errors.As(err, &taken) || taken.Path != "e/69" || taken.Holder+taken.Node != changes[50].Node.ID+changes[60].Node.ID {
		t.Errorf("append says %v, want the two nodes that want e/69", err)
	}
	if j.Position() != before {
		t.Error("a refused append left something")
	}
	checkDigest(t, j)
}
