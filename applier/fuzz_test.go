package applier

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

func sealed(text []byte) []byte {
	b := append(make([]byte, intentHead), text...)
	binary.BigEndian.PutUint64(b, uint64(len(text)))
	binary.BigEndian.PutUint32(b[8:], crc32.Checksum(text, checksum))
	return b
}

// FuzzIntent reads what says of itself that it is whole: what is believed is the
// same when it is written again.
func FuzzIntent(f *testing.F) {
	i := intended{Adopted: true, Made: object{Ino: 7, Born: journal.Time{Sec: 1, Nsec: 2}}}
	i.Entry.Seq, i.Entry.Change.Node = 9, journal.Node{ID: 3, Parent: 1, Name: "n\xff\n", Kind: journal.Symlink, Target: "t"}
	whole := i.append(nil)
	f.Add(whole)
	f.Add(append(whole, whole...))
	f.Add(whole[:len(whole)-1])
	f.Add(make([]byte, objectSize))
	f.Fuzz(func(t *testing.T, text []byte) {
		parseIntent(text) // whatever it says of its length
		tasks := parseIntent(sealed(text))
		var again []byte
		for i := range tasks {
			again = tasks[i].append(again)
		}
		second := parseIntent(sealed(again))
		if len(second) != len(tasks) {
			t.Fatalf("%d tasks, written again they are %d", len(tasks), len(second))
		}
		var third []byte
		for i := range second {
			third = second[i].append(third)
		}
		if !bytes.Equal(again, third) {
			t.Errorf("%x\nbecame\n%x", again, third)
		}
	})
}

func FuzzLimit(f *testing.F) {
	for _, s := range []string{"100", "50%", "100,50%", "0.5%,7", "NaN%", "-1", "1e3%", ",", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLimit(s)
		if err != nil {
			return
		}
		if l.Count < 0 || l.Percent < 0 || l.Percent > 100 {
			t.Errorf("%q is %+v", s, l)
		}
		if again, err := ParseLimit(l.String()); !l.IsZero() && (err != nil || again != l) {
			t.Errorf("%q is %v, which is read as %v (%v)", s, l, again, err)
		}
	})
}

// A hold that somebody's disk has damaged neither releases anything nor stops
// the city for ever.
func FuzzHold(f *testing.F) {
	f.Add([]byte(`{"deletions":200,"total":300,"examples":["a"],"since":"2026-11-21T00:00:00Z","confirmed":false}`))
	f.Add([]byte(`{"confirmed":true`))
	f.Add([]byte(nil))
	f.Add([]byte("\x00\x00"))
	root := f.TempDir()
	if err := os.Mkdir(filepath.Join(root, StateName), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(holdPath(root), text, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := ReadHold(root)
		if err != nil {
			t.Errorf("a hold of %q: %v", text, err)
		}
		if h != nil && h.Confirmed && !bytes.Contains(bytes.ToLower(text), []byte("true")) {
			t.Errorf("%q confirms", text)
		}
	})
}
