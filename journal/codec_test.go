package journal

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func sampleNode() Node {
	return Node{ID: 7, Parent: 3, Name: "n\xff\n", Kind: File, Mode: 0o4755, UID: 1000, GID: 65534,
		MTime: Time{-1, 999_999_999}, Body: Content{Generation: 9, Size: 1 << 40, Digest: Digest{1, 2, 3}}, Link: 5,
		Xattrs: []Xattr{{"user.a", []byte{0, 1}}, {"user.b", []byte{}}}}
}

// The tree digest is part of the wire: these bytes may never change.
func TestStateHasGoldenBytesAndReadsBack(t *testing.T) {
	n := sampleNode()
	blob := appendState(nil, &n)
	const golden = "0101ed13e807feff0301ff93ebdc03098080808080200102030000000000000000000000000000000000000000000000000000000000" +
		"0a0206757365722e6102000106757365722e6200"
	if got := hex.EncodeToString(blob); got != golden {
		t.Errorf("state = %s\nwant    %s", got, golden)
	}
	const sum = "448b4c7b1eb586296448c3b661186ded0c227f25fe3cbd3ea5fffc586b0f9c54"
	if got := SumOf(&n); got.Digest.String() != sum || got.Nodes != 1 || got.Bytes != n.Body.Size {
		t.Errorf("sum = %+v, want %s", got, sum)
	}
	back := Node{ID: n.ID, Parent: n.Parent, Name: n.Name}
	if err := decodeState(blob, &back); err != nil || !back.Equal(n) {
		t.Errorf("read back %+v, %v", back, err)
	}
	for cut := range blob {
		var into Node
		if err := decodeState(blob[:cut], &into); err == nil {
			t.Errorf("a state cut to %d bytes was taken", cut)
		}
	}
}

func TestSeenAndNoteReadBack(t *testing.T) {
	s := Seen{Dev: 1 << 60, BTime: Time{1, 2}, CTime: Time{-3, 4}, MTime: Time{5, 6}, Size: 7, Racy: true, Lacks: LackACL | LackTime}
	var back Seen
	if err := readSeen(appendSeen(nil, &s), &back); err != nil || back.CTime != s.CTime || back.Lacks != s.Lacks || !back.Racy || back.Dev != s.Dev {
		t.Errorf("seen read back %+v, %v", back, err)
	}
	n := Note{Kind: Overflow, Since: time.Unix(5, 6).UTC(), Text: strings.Repeat("x", 300)}
	if got, err := readNote(appendNote(nil, &n)); err != nil || *got != n {
		t.Errorf("note read back %+v, %v", got, err)
	}
}

// What the tables hold is read by every later version.
func TestRowsAndEntriesHaveGoldenBytes(t *testing.T) {
	n := sampleNode()
	seen := Seen{Dev: 2, Ino: 300, BTime: Time{1, 2}, CTime: Time{-3, 4}, MTime: Time{5, 6}, Size: 7, Racy: true, Lacks: LackACL, HashState: []byte{1}}
	s := step{change: &Change{Node: n, Seen: seen}, state: appendState(nil, &n), seq: 9, bodySeq: 8, placeSeq: 3}
	line := appendLine(nil, &s)
	want := "01020c" + hex.EncodeToString(s.state) + "01030402ac02020205040a0607"
	if got := hex.EncodeToString(line); got != want {
		t.Errorf("line = %s\nwant   %s", got, want)
	}
	back := Stored{Seq: 9}
	d := decoder{b: line}
	d.line(&back)
	if d.err != nil || len(d.b) > 0 || back.BodySeq != 8 || back.PlaceSeq != 3 || !back.hashed || back.Seen.Ino != 300 || back.Node.Body != n.Body {
		t.Errorf("line read back %+v, %v", back, d.err)
	}
	stamp := appendStamp(nil, time.Unix(1, 2), Digest{3})
	if got := hex.EncodeToString(stamp); got != "800000003b9aca02"+"03"+strings.Repeat("00", 31) {
		t.Errorf("stamp = %s", got)
	}
	if early := appendStamp(nil, time.Unix(-1, 0), Digest{9}); string(early) >= string(stamp) {
		t.Error("stamps do not sort as their times do")
	}
}

func readSeen(blob []byte, s *Seen) error {
	d := decoder{b: blob}
	d.seen(s)
	return d.end("seen")
}

func readNote(blob []byte) (*Note, error) {
	d := decoder{b: blob}
	n := d.note()
	return n, d.end("note")
}

func FuzzDecodeState(f *testing.F) {
	n := sampleNode()
	f.Add(appendState(nil, &n))
	f.Fuzz(func(t *testing.T, blob []byte) {
		var n Node
		if decodeState(blob, &n) != nil || n.Validate() != nil && n.ID != 0 {
			return
		}
		var again Node
		if err := decodeState(appendState(nil, &n), &again); err != nil {
			t.Fatalf("what was read does not write: %v", err)
		}
	})
}

func FuzzReadPackedRows(f *testing.F) {
	n := sampleNode()
	s := step{change: &Change{Node: n}, state: appendState(nil, &n), seq: 9, bodySeq: 8, placeSeq: 3}
	f.Add(append([]byte("7 -3 0 9 3 0 n\xff\n"), appendLine(nil, &s)...))
	f.Add([]byte("l7 0 "))
	f.Fuzz(func(t *testing.T, pack []byte) {
		d := decoder{b: pack}
		for len(d.b) > 0 {
			before := len(d.b)
			var s Stored
			if d.row(&s); len(d.b) >= before {
				t.Fatal("a row without bytes: this would never end")
			}
		}
		d = decoder{b: pack}
		for len(d.b) > 0 {
			before := len(d.b)
			var e Entry
			if d.newest(&e); len(d.b) >= before {
				t.Fatal("an entry without bytes: this would never end")
			}
		}
	})
}

func TestValidateRefusesWhatNoHonestTreeHas(t *testing.T) {
	bad := map[string]func(*Node){
		"no id":               func(n *Node) { n.ID = 0 },
		"an id of nobody":     func(n *Node) { n.ID = MaxID + 1 },
		"a parent of nobody":  func(n *Node) { n.Parent = MaxID + 1 },
		"a group of nobody":   func(n *Node) { n.Link = MaxID + 1 },
		"its own parent":      func(n *Node) { n.Parent = n.ID },
		"parked":              func(n *Node) { n.Parent = Parked },
		"dot dot":             func(n *Node) { n.Name = ".." },
		"a slash":             func(n *Node) { n.Name = "a/b" },
		"a NUL":               func(n *Node) { n.Name = "a\x00" },
		"256 bytes":           func(n *Node) { n.Name = strings.Repeat("n", 256) },
		"no kind":             func(n *Node) { n.Kind = 9 },
		"file type in mode":   func(n *Node) { n.Mode = 0o100644 },
		"a negative size":     func(n *Node) { n.Body.Size = -1 },
		"a target in a file":  func(n *Node) { n.Target = "x" },
		"content in a dir":    func(n *Node) { n.Kind, n.Link = Dir, 0 },
		"a second too long":   func(n *Node) { n.MTime.Nsec = 1e9 },
		"xattrs out of order": func(n *Node) { n.Xattrs[0].Name = "user.z" },
		"a huge xattr":        func(n *Node) { n.Xattrs[0].Value = make([]byte, MaxXattrValue+1) },
	}
	for name, spoil := range bad {
		n := sampleNode()
		spoil(&n)
		if n.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if n := sampleNode(); n.Validate() != nil {
		t.Errorf("a good node: %v", n.Validate())
	}
}

func TestValuesReadBackAndSort(t *testing.T) {
	p := Position{Epoch{1}, 42, Digest{3}}
	if got, err := ParsePosition(p.String()); err != nil || got != p {
		t.Errorf("position read back %v, %v", got, err)
	}
	if Seq(9).String() >= Seq(10).String() {
		t.Error("seqs do not sort as text")
	}
	for _, s := range []string{"", "1/2", "zz/1/00"} {
		if _, err := ParsePosition(s); err == nil {
			t.Errorf("position %q was taken", s)
		}
	}
	a, b := Digest{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, Digest{1, 0, 0, 0, 0, 0, 0, 0, 2}
	if a.Plus(b).Minus(b) != a || a.Plus(b) != b.Plus(a) {
		t.Error("digests do not add up")
	}
}
