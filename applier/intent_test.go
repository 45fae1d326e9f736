package applier

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// intentFile is a new folder's intent, and its path.
func intentFile(t *testing.T) (*beneath.File, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := beneath.Open(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, killed, err := openIntent(root.Top(), root.Top())
	if err != nil || killed {
		t.Fatalf("killed %v, %v", killed, err)
	}
	t.Cleanup(func() { f.Close(); root.Close() })
	return f, filepath.Join(dir, intentName)
}

func sampleTasks() []intended {
	all := journal.Entry{Seq: math.MaxInt64, BodySeq: 3, PlaceSeq: 2, Time: time.Unix(5, 6).UTC(), Digest: journal.Digest{1, 31: 2}}
	all.Change = journal.Change{Was: 4, Node: journal.Node{ID: 9, Parent: 1, Name: "\xff\n\xc3", Kind: journal.File, Mode: 0o4755,
		UID: math.MaxUint32, GID: 7, MTime: journal.Time{Sec: -1, Nsec: 999_999_999},
		Body: journal.Content{Generation: math.MaxUint64, Size: math.MaxInt64, Digest: journal.Digest{8}}, Link: 11,
		Xattrs: []journal.Xattr{{Name: "user.\xfe", Value: []byte{0, 0xff}}}}}
	link := journal.Entry{Seq: 8, Change: journal.Change{Node: journal.Node{ID: 10, Parent: 9, Name: "l", Kind: journal.Symlink, Target: "\x80"}}}
	gone := journal.Entry{Seq: 9, Change: journal.Change{Gone: true, Node: journal.Node{ID: 12}}}
	return []intended{
		{Entry: all, Made: object{math.MaxUint64, journal.Time{Sec: -5, Nsec: 7}}, Adopted: true},
		{Entry: link, Made: object{Ino: 3}},
		{Entry: gone},
	}
}

func TestAnIntentIsReadBackAsItWasWritten(t *testing.T) {
	f, _ := intentFile(t)
	want := sampleTasks()
	for range 2 { // the second, shorter, over the first
		if err := writeIntent(f, slices.Values(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := readIntent(f); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
		}
		want = want[1:]
	}
	if err := dropIntent(f); err != nil {
		t.Fatal(err)
	}
	if got, err := readIntent(f); err != nil || got != nil {
		t.Errorf("dropped, got %+v, %v", got, err)
	}
}

// A checksum that fits proves that the bytes were written so, not that this
// version wrote them.
func TestWhatIsNoWholeIntentIsNone(t *testing.T) {
	f, path := intentFile(t)
	if err := writeIntent(f, slices.Values(sampleTasks())); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := whole[intentHead:]
	var last []byte
	for _, i := range sampleTasks()[2:] {
		last = i.append(nil)
	}
	sealed := func(text []byte) []byte {
		b := binary.BigEndian.AppendUint64(nil, uint64(len(text)))
		return append(binary.BigEndian.AppendUint32(b, crc32.Checksum(text, checksum)), text...)
	}
	changed := slices.Clone(whole)
	changed[len(changed)/2] ^= 1
	rows := map[string][]byte{
		"nothing": {}, "a part of the head": whole[:7], "a head alone": whole[:intentHead], "zeros": make([]byte, 100),
		"a changed byte": changed, "a length beyond the end": append([]byte{0xff}, whole[1:]...),
		"another's bytes, sealed":  sealed([]byte("\x0d\x7f\x02\x01\x02 something that gob could have written")),
		"an unknown form, sealed":  sealed(append(slices.Clone(text[:objectSize]), append([]byte{99}, text[objectSize+1:]...)...)),
		"more than tasks, sealed":  sealed(append(slices.Clone(text), 0)),
		"less than a task, sealed": sealed(last[:len(last)-1]),
	}
	for cut := range whole {
		rows[fmt.Sprintf("torn after %d bytes", cut)] = whole[:cut]
	}
	for name, b := range rows {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := readIntent(f); err != nil || got != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
