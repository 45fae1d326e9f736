package journal_test

import (
	"reflect"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

func TestWhatWasJustAppendedIsToldAsTheFileHasIt(t *testing.T) {
	link := func(id, parent journal.NodeID, name string) journal.Change {
		return journal.Change{Node: journal.Node{ID: id, Parent: parent, Name: name, Kind: journal.Symlink, Mode: 0o777, Target: "x"}}
	}
	for name, row := range map[string]struct {
		changes []journal.Change
		read    bool // from the file all the same
	}{
		"a new file":                      {[]journal.Change{file(5, 2, "new", 1)}, false},
		"a new link":                      {[]journal.Change{link(5, 2, "new")}, false},
		"a file with other bytes":         {[]journal.Change{file(4, 2, "f", 9)}, false},
		"a file with another name":        {[]journal.Change{file(4, 3, "g", 1)}, false},
		"some files":                      {[]journal.Change{file(4, 3, "g", 1), file(6, 2, "f", 2), file(5, 1, "h", 3)}, false},
		"a file that becomes a link":      {[]journal.Change{link(4, 2, "f")}, false},
		"a new directory and its file":    {[]journal.Change{dir(5, 2, "d"), file(6, 5, "f", 1)}, true},
		"a directory that becomes a file": {[]journal.Change{file(3, 1, "b", 1)}, true},
		"a removed file":                  {[]journal.Change{gone(4)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			j := MustOpen(t, journal.Capitol, path)
			MustAppend(t, j, root(), dir(2, 1, "a"), dir(3, 1, "b"), file(4, 2, "f", 1))
			since := j.Position().Seq
			MustAppend(t, j, row.changes...)
			plain, err := journal.OpenReadOnly(path)
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			want, err := plain.Follow(since, nil).Next(ctx, 100)
			if err != nil {
				t.Fatal(err)
			}
			before := j.Reads()
			got, err := j.Follow(since, nil).Next(ctx, 100)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
			}
			if read := j.Reads() > before; read != row.read {
				t.Errorf("read from the file: %v, want %v", read, row.read)
			}
			for what, c := range map[string]*journal.Cursor{"from further back": j.Follow(since-1, nil), "of a sub_dir": j.Follow(since, []string{"a"})} {
				before = j.Reads()
				if _, err := c.Next(ctx, 100); err != nil || j.Reads() == before {
					t.Errorf("a cursor %s was not read from the file, or: %v", what, err)
				}
			}
		})
	}
}

// asTheFileHasThem compares what a journal says of nodes with what the file has.
func asTheFileHasThem(t *testing.T, path string, j *journal.Journal, ids ...journal.NodeID) {
	t.Helper()
	plain, err := journal.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for _, id := range ids {
		want, werr := plain.Node(ctx, id)
		got, err := j.Node(ctx, id)
		if !reflect.DeepEqual(got, want) || (err == nil) != (werr == nil) {
			t.Errorf("node %d\n got %+v, %v\nwant %+v, %v", id, got, err, want, werr)
		}
		want, werr = plain.Lookup(ctx, want.Node.Parent, want.Node.Name)
		got, err = j.Lookup(ctx, got.Node.Parent, got.Node.Name)
		if !reflect.DeepEqual(got, want) || (err == nil) != (werr == nil) {
			t.Errorf("name of node %d\n got %+v, %v\nwant %+v, %v", id, got, err, want, werr)
		}
	}
}

func TestRowsOfTheLastCommitAreAsTheFileHasThem(t *testing.T) {
	hashed := func(c journal.Change, state byte) journal.Change {
		c.Seen = journal.Seen{Ino: 7, Size: 3, Tail: 9}
		if state != 0 {
			c.Seen.HashState = []byte{state}
		}
		return c
	}
	history := [][]journal.Change{
		{root(), dir(2, 1, "a"), file(3, 2, "f", 1)},
		{hashed(file(3, 2, "f", 2), 1)},
		{hashed(file(3, 2, "f", 3), 2), file(4, 1, "g", 1)},
		{hashed(file(3, 2, "f", 3), 3)}, // no entry
		{hashed(file(3, 2, "f", 4), 0)},
		{file(3, 1, "g", 4), file(4, 2, "f", 1)}, // names swap
		{gone(4)},
		{file(4, 2, "f", 5)},
		{gone(2)},
	}
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	cpath := newPath(t)
	c := city{t, MustOpen(t, journal.City, cpath)}
	for i, changes := range history {
		since := j.Position().Seq
		MustAppend(t, j, changes...)
		asTheFileHasThem(t, path, j, 2, 3, 4)
		if i == 0 {
			c.full(j, 10)
		} else {
			c.follow(j.Follow(since, nil), 10)
		}
		asTheFileHasThem(t, cpath, c.j, 2, 3, 4)
	}
	checkEqual(t, j, c.j)
}

func TestAppendsOfOneGroupAreReadFromTheFile(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root())
	var g errgroup.Group
	for i := range 200 {
		g.Go(func() error {
			_, err := j.Append(ctx, []journal.Change{file(journal.NodeID(2+i%3), 1, "f"+string(rune('a'+i%3)), byte(i))})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	asTheFileHasThem(t, path, j, 2, 3, 4)
	checkDigest(t, j)
}
