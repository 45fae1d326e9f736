package applier_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

// TestAFlippedBitInARowIsNotBelieved flips a bit of each byte of a file's row, and around it. A row
// that is wrong must not make the disk wrong: it is noticed, or it does no harm.
func TestAFlippedBitInARowIsNotBelieved(t *testing.T) {
	dir := quick(t)
	c, a := newCapitol(), city(t, dir)
	d := c.dir(journal.Root, "d")
	victim := c.file(d, "the-victim", "its bytes")
	c.edit(victim, func(n *journal.Node) { n.Xattrs = []journal.Xattr{{Name: "user.a", Value: []byte("value")}} })
	c.file(d, "another", "other bytes")
	mustApply(t, a, c.set(), c)
	want, _, err := a.Journal().ScopeDigest(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := a.Verify(t.Context(), false, c); err != nil || !r.Equal() {
		t.Fatalf("%+v, %v", r, err)
	}
	a.Close()
	path := filepath.Join(dir, applier.StateName, "journal.db")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noticed, harmless := 0, 0
	for _, row := range rowsOf(sound, "the-victim") {
		for at := row - 24; at < row+150; at++ {
			flipped := bytes.Clone(sound)
			flipped[at] ^= 1 << (at % 8)
			for _, suffix := range []string{"-wal", "-shm"} {
				os.Remove(path + suffix)
			}
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			err := liveOn(t, dir, c, want)
			if errors.Is(err, journal.ErrDamaged) {
				noticed++
			} else if harmless++; err != nil {
				t.Errorf("bit %d of byte %d, %d from the name: %v", at%8, at, at-row, err)
			}
			if c.equal(t, dir); t.Failed() {
				t.Fatalf("bit %d of byte %d, %d from the name (%v)", at%8, at, at-row, err)
			}
		}
	}
	if t.Logf("%d noticed, %d harmless", noticed, harmless); noticed < 100 || harmless == 0 {
		t.Errorf("%d noticed, %d harmless: these are not rows", noticed, harmless)
	}
}

// rowsOf are the places of a name.
func rowsOf(file []byte, name string) (at []int) {
	for from := 0; ; {
		i := bytes.Index(file[from:], []byte(name))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + 1
	}
}

// liveOn is what a city does that is started again and whose capitol has nothing new.
func liveOn(t *testing.T, dir string, c *capitol, want journal.Digest) error {
	a, err := applier.Open(applier.Config{Root: dir, MaxDelete: applier.Limit{Count: 1000}})
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Journal().Position() != c.position() {
		return journal.ErrDamaged // put aside on opening, or another position than the capitol knows: both compare
	}
	if sum, _, err := a.Journal().ScopeDigest(t.Context(), nil); err != nil || sum != want {
		return errors.Join(err, a.Journal().Examine(t.Context()))
	}
	_, err = a.Verify(t.Context(), false, c)
	return err
}
