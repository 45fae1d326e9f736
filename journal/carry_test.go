package journal_test

import (
	"encoding/hex"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"pgregory.net/rapid"
)

// carried draws an entry with everything that its kind of node can have.
func carried(t *rapid.T) journal.Entry {
	name := func(what string) string {
		return string(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, what)) // bytes, mostly not UTF-8
	}
	id := func(what string) journal.NodeID { return journal.NodeID(rapid.Int64().Draw(t, what)) }
	digest := func(what string) (d journal.Digest) {
		copy(d[:], rapid.SliceOfN(rapid.Byte(), 0, len(d)).Draw(t, what))
		return d
	}
	seq := func(what string) journal.Seq { return journal.Seq(rapid.Uint64().Draw(t, what)) }
	n := journal.Node{ID: id("id"), Parent: id("parent"), Name: name("name"), Mode: rapid.Uint32().Draw(t, "mode"),
		Kind: rapid.SampledFrom([]journal.Kind{journal.File, journal.Dir, journal.Symlink}).Draw(t, "kind"),
		UID:  rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid"),
		MTime: journal.Time{Sec: rapid.Int64().Draw(t, "sec"), Nsec: rapid.Int32Range(0, 999_999_999).Draw(t, "nsec")}}
	switch n.Kind {
	case journal.File:
		n.Body = journal.Content{Generation: rapid.Uint64().Draw(t, "generation"), Size: rapid.Int64Min(0).Draw(t, "size"), Digest: digest("body")}
		n.Link = id("link")
	case journal.Symlink:
		n.Target, n.Link = name("target"), id("link")
	}
	for range rapid.IntRange(0, 3).Draw(t, "xattrs") {
		n.Xattrs = append(n.Xattrs, journal.Xattr{Name: name("xattr"), Value: []byte(name("value"))})
	}
	e := journal.Entry{Seq: seq("seq"), BodySeq: seq("body seq"), PlaceSeq: seq("place seq"), Digest: digest("digest"),
		Change: journal.Change{Node: n, Gone: rapid.Bool().Draw(t, "gone"), Was: id("was")}}
	if at := rapid.Int64().Draw(t, "time"); at != 0 {
		e.Time = time.Unix(0, at).UTC()
	}
	return e
}

func TestAnEntryIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, more := carried(t), rapid.SliceOf(rapid.Byte()).Draw(t, "what follows")
		whole := want.Append(nil)
		got, rest, err := journal.CutEntry(append(whole, more...))
		if err != nil || !reflect.DeepEqual(got, want) || string(rest) != string(more) {
			t.Fatalf("got %+v, %x, %v\nwant %+v, %x", got, rest, err, want, more)
		}
		if _, _, err := journal.CutEntry(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a cut entry was taken")
		}
	})
}

// What a killed process wrote is read by the version that comes after it.
func TestAnEntryHasGoldenBytes(t *testing.T) {
	e := journal.Entry{Seq: 300, BodySeq: 2, PlaceSeq: 1, Time: time.Unix(0, -3), Digest: journal.Digest{9}, Change: journal.Change{
		Node: journal.Node{ID: 5, Parent: 1, Name: "l\xff", Kind: journal.Symlink, Mode: 0o777, UID: math.MaxUint32, Target: "t"}, Gone: true, Was: 4}}
	const want = "010105ac020201" + "09" + "00000000000000000000000000000000000000000000000000000000000000" +
		"0a0208" + "026cff" + "0103ff03ffffffff0f00" + "0000" + "0174" + "00" + "00"
	if got := hex.EncodeToString(e.Append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzCutEntry: nothing panics, and what was taken is written again as it is.
func FuzzCutEntry(f *testing.F) {
	e := journal.Entry{Seq: 7, Change: journal.Change{Node: journal.Node{ID: 3, Parent: 1, Name: "n\xff", Kind: journal.File}}}
	f.Add(e.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := journal.CutEntry(b)
		if err != nil {
			return
		}
		again, none, err := journal.CutEntry(e.Append(nil))
		if err != nil || len(none) > 0 || len(rest) >= len(b) || !reflect.DeepEqual(again, e) {
			t.Errorf("got %+v, %v, want %+v", again, err, e)
		}
	})
}
