package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// damaged makes a journal with some directories, closes it in order, changes the
// file by a script, and opens it again.
func damaged(t *testing.T, script string) (path string, j *journal.Journal) {
	t.Helper()
	path = newPath(t)
	j = MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root(), dir(2, 1, "d"), dir(3, 2, "e"))
	var changes []journal.Change
	for i := range 50 {
		changes = append(changes, file(journal.NodeID(10+i), journal.NodeID(1+i%3), fmt.Sprint("file ", i), byte(i)))
	}
	MustAppend(t, j, changes...)
	if err := j.Examine(ctx); err != nil {
		t.Fatalf("a sound journal: %v", err)
	}
	j.Close()
	exec1(t, path, script)
	return path, MustOpen(t, journal.Capitol, path)
}

func noticed(t *testing.T, j *journal.Journal) {
	t.Helper()
	select {
	case <-j.Damaged():
	case <-time.After(time.Minute):
		t.Fatal("the damage was not noticed")
	}
}

// putAside says that the next Open begins anew, once, and keeps the old file.
func putAside(t *testing.T, path string, before journal.Epoch) {
	t.Helper()
	j := MustOpen(t, journal.Capitol, path)
	if got := j.Position(); got.Epoch == before || got.Seq != 0 {
		t.Errorf("position after damage = %v, want a new epoch at 0", got)
	}
	if kept, _ := filepath.Glob(path + ".damaged-*"); len(kept) == 0 {
		t.Error("the damaged file was not kept")
	}
	MustAppend(t, j, root())
	again := j.Position()
	j.Close()
	if j = MustOpen(t, journal.Capitol, path); j.Position() != again {
		t.Errorf("opened once more, it is at %v, want %v", j.Position(), again)
	}
}

// What no checksum of SQLite's tells shows in the sums that directories keep.
func TestDoubtFindsWhatWasChangedInTheFile(t *testing.T) {
	line := `UPDATE nodes SET line = CAST(substr(line, 1, length(line) / 2) || x'ff' || substr(line, length(line) / 2 + 2) AS BLOB) WHERE id = 20`
	for name, script := range map[string]string{
		"a row":                         line,
		"a name":                        `UPDATE nodes SET name = CAST('another' AS BLOB) WHERE id = 20`,
		"a parent":                      `UPDATE nodes SET parent = 3 WHERE id = 19`,
		"a lost row":                    `DELETE FROM nodes WHERE id = 20`,
		"a lost directory":              `DELETE FROM nodes WHERE id = 3`,
		"a sum":                         `UPDATE nodes SET sum = (SELECT sum FROM nodes WHERE id = 3) WHERE id = 2`,
		"a sum that is gone":            `UPDATE nodes SET sum = NULL WHERE id = 2`,
		"the tree digest":               `UPDATE head SET digest = zeroblob(32)`,
		"an index":                      `PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE INDEX nodes_key ON nodes (link) WHERE gone = 0' WHERE name = 'nodes_key'`,
		"a row that is one by accident": `INSERT INTO nodes SELECT 5000, parent, CAST('copy' AS BLOB), gone, seq, key, link, line, sum FROM nodes WHERE id = 20`,
	} {
		t.Run(name, func(t *testing.T) {
			path, j := damaged(t, script)
			before := j.Position().Epoch
			j.Doubt()
			noticed(t, j)
			if err := j.Examine(ctx); !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("Examine: %v, want ErrDamaged", err)
			}
			j.Close()
			putAside(t, path, before)
		})
	}
}

// What can be none of this package's files is put aside on opening.
func TestAHeadThatIsNoneIsPutAside(t *testing.T) {
	for name, script := range map[string]string{
		"no head":             `DELETE FROM head`,
		"a role of nobody":    `UPDATE head SET role = 9`,
		"a short epoch":       `UPDATE head SET epoch = x'00'`,
		"text for a number":   `UPDATE head SET next_id = 'x'`,
		"no version":          `PRAGMA user_version = 0`,
		"an absurd version":   `PRAGMA user_version = 1073741826`,
		"a negative version":  `PRAGMA user_version = -5`,
		"a column is missing": `ALTER TABLE entries RENAME COLUMN line TO lime`,
		"a table is missing":  `DROP TABLE hashes`,
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			j := MustOpen(t, journal.Capitol, path)
			MustAppend(t, j, root())
			before := j.Position().Epoch
			j.Close()
			exec1(t, path, script)
			putAside(t, path, before)
		})
	}
}

// A file that is damaged while it is open is put aside by the next process, and nothing
// says before that it was closed in order.
func TestDamageWhileOpenIsNoticedAndPutAside(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	changes := []journal.Change{root()}
	for i := range 3000 {
		changes = append(changes, file(journal.NodeID(10+i), 1, fmt.Sprint("file ", i), byte(i)))
	}
	MustAppend(t, j, changes...)
	before := j.Position().Epoch
	j.Close()
	j = MustOpen(t, journal.Capitol, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := f.Stat()
	f.WriteAt(make([]byte, st.Size()-8192), 8192)
	f.Close()
	if _, err := j.Children(ctx, 1); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("Children: %v, want ErrDamaged", err)
	}
	noticed(t, j)
	j.Close()
	putAside(t, path, before)
}

func TestDoubtsOfASoundJournalChangeNothing(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root(), dir(2, 1, "d"))
	for range 20 {
		j.Doubt()
	}
	MustAppend(t, j, file(10, 2, "f", 1))
	MustAppend(t, j, gone(2)) // what was in it is removed later
	if err := j.Examine(ctx); err != nil {
		t.Error(err)
	}
	was := j.Position()
	j.Close()
	j.Doubt() // closed: nothing to look at
	if j = MustOpen(t, journal.Capitol, path); j.Position() != was {
		t.Errorf("position %v, want %v", j.Position(), was)
	}
}

// A disk that refused to read once has made somebody take the file for damaged. It is not.
func TestASuspicionThatIsWrongPutsNothingAside(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.City, path)
	MustAppend(t, j, root(), dir(2, 1, "d"))
	was := j.Position()
	j.Close()
	if err := os.WriteFile(path+".suspect", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j = MustOpen(t, journal.City, path)
	if j.Position() != was {
		t.Errorf("position %v, want %v", j.Position(), was)
	}
	if found, _ := filepath.Glob(path + ".[ds]*"); len(found) > 0 {
		t.Errorf("left over: %q", found)
	}
}

// A file whose bytes the disk does not give is not known to be damaged.
func TestAFileThatCannotBeReadStays(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.City, path)
	MustAppend(t, j, root())
	was := j.Position()
	j.Close()
	if err := errors.Join(os.WriteFile(path+".suspect", nil, 0o600), os.Mkdir(path+"-wal", 0o700)); err != nil { // reading a directory fails
		t.Fatal(err)
	}
	if j, err := journal.Open(journal.Config{Path: path, Role: journal.City}); err == nil || errors.Is(err, journal.ErrDamaged) {
		t.Errorf("opened %v, %v", j, err)
	}
	if aside, _ := filepath.Glob(path + ".damaged*"); len(aside) > 0 {
		t.Errorf("put aside: %q", aside)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if j = MustOpen(t, journal.City, path); j.Position() != was {
		t.Errorf("position %v, want %v", j.Position(), was)
	}
}
