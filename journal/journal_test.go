package journal_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

var ctx = context.Background()

// MustOpen opens a journal that is closed with the test.
func MustOpen(t testing.TB, role journal.Role, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: path, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "journal.db") }

// MustNew is a fresh capitol's journal with a root.
func MustNew(t testing.TB) *journal.Journal {
	t.Helper()
	j := MustOpen(t, journal.Capitol, newPath(t))
	MustAppend(t, j, root())
	return j
}

func MustAppend(t testing.TB, j *journal.Journal, changes ...journal.Change) journal.Position {
	t.Helper()
	pos, err := j.Append(ctx, changes)
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

func root() journal.Change {
	return journal.Change{Node: journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}}
}

func dir(id, parent journal.NodeID, name string) journal.Change {
	return journal.Change{Node: journal.Node{ID: id, Parent: parent, Name: name, Kind: journal.Dir, Mode: 0o755}}
}

func file(id, parent journal.NodeID, name string, content byte) journal.Change {
	return journal.Change{
		Node: journal.Node{ID: id, Parent: parent, Name: name, Kind: journal.File, Mode: 0o644,
			MTime: journal.Time{Sec: -7, Nsec: 999}, Body: journal.Content{Generation: 1, Size: 10, Digest: journal.Digest{content}}},
		Seen: journal.Seen{Ino: uint64(id) + 1000, Size: 10},
	}
}

func gone(id journal.NodeID) journal.Change {
	return journal.Change{Node: journal.Node{ID: id}, Gone: true}
}

func MustPath(t testing.TB, j *journal.Journal, id journal.NodeID) string {
	t.Helper()
	path, err := j.Path(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMovedDirectoryIsOneEntryWhateverIsInIt(t *testing.T) {
	j := MustNew(t)
	changes := []journal.Change{dir(2, 1, "a"), dir(3, 2, "b")}
	for id := journal.NodeID(10); id < 500; id++ {
		changes = append(changes, file(id, 3, string(rune('a'+id%26))+time.Duration(id).String(), byte(id)))
	}
	before := MustAppend(t, j, changes...)
	after := MustAppend(t, j, dir(2, 1, "z"))
	if after.Seq != before.Seq+1 {
		t.Errorf("moving made %d entries, want 1", after.Seq-before.Seq)
	}
	if got := MustPath(t, j, 3); got != "z/b" {
		t.Errorf("path beneath the moved directory = %q, want z/b", got)
	}
	if after.Digest == before.Digest {
		t.Error("the tree digest did not change with the name")
	}
	back := MustAppend(t, j, dir(2, 1, "a"))
	if back.Digest != before.Digest {
		t.Error("the tree digest is not the same after moving back")
	}
}

func TestUnchangedStateMakesNoEntry(t *testing.T) {
	j := MustNew(t)
	c := file(2, 1, "f", 1)
	before := MustAppend(t, j, c)
	c.Seen.Ino = 77
	if after := MustAppend(t, j, c); after != before {
		t.Errorf("position moved from %v to %v", before, after)
	}
	s, err := j.Node(ctx, 2)
	if err != nil || s.Seen.Ino != 77 {
		t.Errorf("seen inode = %d, %v; want 77", s.Seen.Ino, err)
	}
}

func TestNamesMaySwapInOneAppend(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, dir(2, 1, "a"), dir(3, 1, "b"), file(4, 2, "x", 1))
	MustAppend(t, j, dir(2, 1, "b"), dir(3, 1, "a"))
	if got := MustPath(t, j, 4); got != "b/x" {
		t.Errorf("path = %q, want b/x", got)
	}
}

func TestDirectoryMovesBeneathItsFormerChild(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, dir(2, 1, "a"), dir(3, 2, "b"), file(4, 3, "x", 1))
	MustAppend(t, j, dir(2, 3, "a"), dir(3, 1, "b"))
	if got := MustPath(t, j, 2); got != "b/a" {
		t.Errorf("path = %q, want b/a", got)
	}
	checkDigest(t, j)
}

func TestCircleIsRefusedAndNothingHappens(t *testing.T) {
	j := MustNew(t)
	before := MustAppend(t, j, dir(2, 1, "a"), dir(3, 2, "b"))
	if _, err := j.Append(ctx, []journal.Change{dir(2, 3, "a")}); err == nil {
		t.Fatal("a directory beneath itself was taken")
	}
	if j.Position() != before {
		t.Error("the position moved")
	}
	MustAppend(t, j, file(4, 3, "f", 1))
	checkDigest(t, j)
}

func TestRemovedDirectoryIsOneEntryAndTakesAllWithIt(t *testing.T) {
	j := MustNew(t)
	empty := j.Position().Digest
	before := MustAppend(t, j, dir(2, 1, "a"), dir(3, 2, "b"), file(4, 3, "x", 1), file(5, 2, "y", 2))
	after := MustAppend(t, j, gone(4), gone(2))
	if after.Seq != before.Seq+2 || after.Digest != empty {
		t.Errorf("after removal: %v, want two entries on and the digest of the empty tree", after)
	}
	if _, err := j.Path(ctx, 5); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("path of what was beneath = %v, want ErrNotFound", err)
	}
	if found, _ := j.ByInode(ctx, 1005); len(found) != 0 {
		t.Errorf("inode of what was beneath finds %v", found)
	}
	if again := MustAppend(t, j, gone(2), gone(5)); again != after {
		t.Errorf("absences of what is absent made entries: %v", again)
	}
}

func TestPositionSurvivesReopen(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	want := MustAppend(t, j, root(), file(2, 1, "f\xff\n", 1))
	id := j.NewID()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := j.Append(ctx, nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Append after Close: %v, want ErrClosed", err)
	}
	j = MustOpen(t, journal.Capitol, path)
	if got := j.Position(); got != want {
		t.Errorf("position = %v, want %v", got, want)
	}
	if again := j.NewID(); again < id {
		t.Errorf("id %d was given after %d", again, id)
	}
	if s, err := j.Lookup(ctx, 1, "f\xff\n"); err != nil || s.Node.MTime.Sec != -7 {
		t.Errorf("lookup by bytes: %+v, %v", s.Node, err)
	}
}

// A number that was given to a node means that node for ever, also when the file was
// closed, or its process killed, in between.
func TestAnIDIsNeverGivenTwice(t *testing.T) {
	path := newPath(t)
	given := map[journal.NodeID]bool{}
	for range 3 {
		j := MustOpen(t, journal.Capitol, path)
		for range 3 {
			id := j.NewID()
			if given[id] {
				t.Fatalf("id %d was given twice", id)
			}
			given[id] = true
			MustAppend(t, j, root(), file(id, 1, fmt.Sprint("f", id), 1))
			MustAppend(t, j, gone(id))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkDigest compares the kept tree digest with one added up from the rows.
func checkDigest(t testing.TB, j *journal.Journal) {
	t.Helper()
	var want journal.Sum
	for c := j.All(nil); ; {
		chunk, err := c.Next(ctx, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range chunk.Entries {
			want = want.Plus(journal.SumOf(&e.Change.Node))
		}
		if chunk.Done {
			break
		}
	}
	got, pos, err := j.ScopeDigest(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got != want.Digest {
		t.Errorf("tree digest at %d is %v, the nodes add up to %v", pos.Seq, got, want.Digest)
	}
	if err := j.Examine(ctx); err != nil {
		t.Error(err)
	}
	stats, err := j.Stats(ctx)
	if err != nil || stats.Nodes != want.Nodes || stats.Bytes != want.Bytes {
		t.Errorf("stats say %d nodes, %d bytes (%v), want %d, %d", stats.Nodes, stats.Bytes, err, want.Nodes, want.Bytes)
	}
}

func TestStaleNodesAreStillCounted(t *testing.T) {
	j := MustOpen(t, journal.City, newPath(t))
	entries := []journal.Entry{{Seq: 1, Change: root()}, {Seq: 2, Change: file(2, 1, "f", 1)}, {Seq: 3, Change: dir(3, 1, "d")}}
	if err := j.Record(ctx, entries, journal.Position{Epoch: journal.Epoch{1}, Seq: 3}); err != nil {
		t.Fatal(err)
	}
	if err := j.Renumber(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := j.Stats(ctx); err != nil || s.Nodes != 3 || s.Bytes != 10 {
		t.Errorf("after renumbering: %d nodes, %d bytes (%v), want 3, 10", s.Nodes, s.Bytes, err)
	}
}
