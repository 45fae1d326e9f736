package power

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"github.com/hydrasync/hydrasync/journal"
)

// readJournal copies a journal as a crash left it, has SQLite recover the copy and
// check it, and hands it to look: nil while it has no tables yet. A journal that was
// moved aside is an error.
func readJournal(folder string, look func(*journal.Journal) error) (err error) {
	for _, pattern := range []string{"*damaged*", "*suspect*"} {
		if damaged, err := filepath.Glob(filepath.Join(folder, pattern)); err != nil || len(damaged) > 0 {
			return fmt.Errorf("a journal was found damaged: %q %v", damaged, err)
		}
	}
	dir, err := os.MkdirTemp(stand.Scratch(), "journal")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "journal.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join(folder, "journal.db"+suffix))
		if err == nil {
			err = os.WriteFile(path+suffix, b, 0o600)
		}
		if err != nil && !(suffix != "" && os.IsNotExist(err)) {
			return err
		}
	}
	db, err := sql.Open("sqlite3", "file:"+path) // the journal's own driver
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return fmt.Errorf("integrity_check: %s %v", verdict, err)
	}
	var tables int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil || tables == 0 {
		return cmp.Or(err, look(nil))
	}
	j, err := journal.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer j.Close()
	return look(j)
}

// rest does what a journal does by itself when nothing was written for a while: the WAL is
// written into the database, and overwritten in place from then on. While it grows, each flush
// of it makes the file system commit whatever names have changed, which hides that nobody asked for that.
func rest(t *testing.T, journals ...string) {
	t.Helper()
	for _, path := range journals {
		db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=60000&_synchronous=FULL")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// rows are what a journal says of the tree, in the form of a walk: without
// sums, which it has of another kind.
func rows(j *journal.Journal) (tree, error) {
	t := make(tree)
	return t, rowsBeneath(context.Background(), j, journal.Root, "", t)
}

func rowsBeneath(ctx context.Context, j *journal.Journal, dir journal.NodeID, prefix string, t tree) error {
	list, err := j.Children(ctx, dir)
	if err != nil {
		return err
	}
	for _, s := range list {
		path := prefix + s.Node.Name
		o := thing{target: s.Node.Target}
		switch s.Node.Kind {
		case journal.Dir:
			o.mode = os.ModeDir
			if err := rowsBeneath(ctx, j, s.Node.ID, path+"/", t); err != nil {
				return err
			}
		case journal.Symlink:
			o.mode = os.ModeSymlink
			o.mtime = s.Node.MTime.Sec*1e9 + int64(s.Node.MTime.Nsec)
		default:
			o.size = s.Node.Body.Size
			o.mtime = s.Node.MTime.Sec*1e9 + int64(s.Node.MTime.Nsec)
		}
		t[path] = o
	}
	return nil
}

// lean is a walk's view without what rows do not tell.
func (o thing) lean() thing {
	if o.mode != absent {
		o.mode = o.mode.Type()
	}
	o.sum = [len(o.sum)]byte{}
	return o
}
