package journal_test

import (
	"reflect"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
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
