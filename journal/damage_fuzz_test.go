package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// FuzzDamagedFile overwrites bytes of a journal, three of the input for each: two say
// where and one what. Whatever they make of it, nothing may panic or run for ever, and
// what passes the examination adds up.
func FuzzDamagedFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "journal.db")
	j, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol})
	if err != nil {
		f.Fatal(err)
	}
	changes := []journal.Change{root(), dir(2, 1, "d"), dir(3, 2, "e")}
	for i := range 30 {
		changes = append(changes, file(journal.NodeID(10+i), journal.NodeID(1+i%3), fmt.Sprint("file ", i), byte(i)))
	}
	if _, err := j.Append(ctx, changes); err != nil {
		f.Fatal(err)
	}
	if _, err := j.Append(ctx, []journal.Change{gone(3), file(10, 1, "another", 9)}); err != nil {
		f.Fatal(err)
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for at := 0; at < len(whole) && at < 1<<16; at += 1021 {
		f.Add([]byte{byte(at >> 8), byte(at), 0xff, byte(at >> 8), byte(at + 1), 0x80})
	}
	f.Add([]byte{0, 63, 3})           // another version
	f.Add([]byte{0, 0, 0})            // no database
	f.Add([]byte(nil))                // sound
	f.Add([]byte{0, 18, 1, 0, 19, 1}) // no WAL
	f.Fuzz(func(t *testing.T, marks []byte) {
		b := append([]byte(nil), whole...)
		for ; len(marks) >= 3; marks = marks[3:] {
			if at := int(marks[0])<<8 | int(marks[1]); at < len(b) {
				b[at] = marks[2]
			}
		}
		path := filepath.Join(t.TempDir(), "journal.db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		examined(t, path)
	})
}

func examined(t *testing.T, path string) {
	j, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol})
	if err != nil {
		if errors.Is(err, journal.ErrDamaged) {
			t.Errorf("Open says %v instead of putting the file aside", err)
		}
		return
	}
	defer j.Close()
	sound := j.Examine(ctx)
	var sum journal.Digest
	for c, n := j.All(nil), 0; ; n++ {
		chunk, err := c.Next(ctx, 7)
		if err != nil {
			if sound == nil {
				t.Errorf("it is sound, but All says %v", err)
			}
			break
		}
		for _, e := range chunk.Entries {
			sum = sum.Plus(journal.SumOf(&e.Change.Node).Digest)
		}
		if n > 1000 {
			t.Fatal("All does not end")
		}
		if got, _, err := j.ScopeDigest(ctx, nil); chunk.Done && sound == nil && (err != nil || got != sum) {
			t.Errorf("it is sound, but adds up to %v instead of %v (%v)", sum, got, err)
		}
		if chunk.Done {
			break
		}
	}
	_, _ = j.Entries(ctx, 0, 1000)
	_, _ = j.Stats(ctx)
	_, _ = j.Resolve(ctx, "d/e/file 2")
	_, _ = j.Append(ctx, []journal.Change{root(), file(j.NewID(), 1, "new", 1), gone(12)})
}

func FuzzPosition(f *testing.F) {
	f.Add(journal.Position{Epoch: journal.Epoch{1}, Seq: 42, Digest: journal.Digest{3}}.String())
	for _, s := range []string{"", "/", "0/0/0", "zz/1/00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := journal.ParsePosition(s)
		if err != nil {
			return
		}
		if again, err := journal.ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, which is read as %v (%v)", s, p, again, err)
		}
	})
}
