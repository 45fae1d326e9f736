package stream

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mustCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func somePosition() journal.Position {
	return journal.Position{Epoch: journal.Epoch{1, 2, 3}, Seq: 70000, Digest: journal.Digest{0xaa, 31: 0xbb}}
}

func someBatch() Batch {
	at := time.Unix(1_790_000_000, 123_456_789).UTC()
	return Batch{
		Position: somePosition(),
		Full:     true,
		FullDone: true,
		Entries: []journal.Entry{
			{Seq: 1, Time: at, Change: journal.Change{Node: journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}}, PlaceSeq: 1},
			{Seq: 2, Path: "a\xff\n", BodySeq: 2, PlaceSeq: 2, Digest: journal.Digest{1}, Change: journal.Change{Node: journal.Node{
				ID: 2, Parent: 1, Name: "a\xff\n", Kind: journal.File, Mode: 0o4755, UID: 1000, GID: 1 << 31,
				MTime: journal.Time{Sec: -5, Nsec: 999_999_999}, Link: 9,
				Body:   journal.Content{Generation: 7, Size: 5, Digest: journal.Digest{2}},
				Xattrs: []journal.Xattr{{Name: "user.b", Value: []byte{}}, {Name: "user.\xfe", Value: []byte{0, 1}}},
			}}},
			{Seq: 3, PlaceSeq: 3, Change: journal.Change{Node: journal.Node{ID: 3, Parent: 1, Name: "l", Kind: journal.Symlink, Mode: 0o777, Target: "../\xc3"}}},
			{Seq: 4, Change: journal.Change{Gone: true, Node: journal.Node{ID: 4}}},
			{Seq: 5, Note: &journal.Note{Kind: journal.Overflow, Since: at, Text: "16384 events"}},
		},
		Bodies: map[journal.NodeID]Inline{2: {Offset: 1, Bytes: []byte{1, 2, 3, 0}}},
	}
}

func someHello() Hello {
	return Hello{Versions: []uint64{1, 2}, Tree: "src", Position: somePosition(), SubDirs: []string{"a", "b/\xff"},
		Features: []string{"zstd"}, HasContent: true, Compare: true, City: "berlin\xff", Heartbeat: 15 * time.Second, Window: 8 << 20, Replica: "0a", Program: "v0.1.0"}
}

func someWelcome() Welcome {
	return Welcome{Version: 1, Mode: CatchUp, Reason: "12 behind", Position: somePosition(), Nodes: 5, Bytes: 1 << 40,
		Features: []string{"zstd"}, Heartbeat: time.Second, Waits: true, Lineage: someLineage()}
}

func someLineage() Lineage {
	return Lineage{{ID: "01", Name: "mill", Capitol: true}, {ID: "02", Name: "k\xfcche"}}
}

func someChunks() chunks {
	return chunks{3, chunk.List{Grain: 14, Chunks: []chunk.Chunk{{Hash: 1<<64 - 2, Length: 9000}, {Hash: 7, Length: 100}}}}
}

var reportTime = time.Unix(1_790_000_000, 0).UTC()

func someReport() Report {
	at := func(ms int) time.Time { return reportTime.Add(-time.Duration(ms) * time.Millisecond) }
	return Report{ID: "0b", Parent: "0a", Lost: Uncertain, LostSince: at(1),
		Who: Who{Name: "k\xfcche", Role: RoleRelay, Address: "192.0.2.7", Serves: "[::]:49996", Version: "v0.1.0", TLS: true, From: "wss://mill.example/site", Tree: "site"},
		Situation: Situation{State: "catching up", Why: "12 entries behind", Percent: 43, Since: at(2000),
			Position: somePosition(), Behind: 12, Level: at(90_000)},
		Verified: Verified{at(3_600_000), 1, 2, 3}}
}

// frames is every frame once, with what it decodes to.
func frames(c *codec) map[string]struct {
	k      kind
	wire   any
	want   any
	decode func([]byte) (any, error)
} {
	type row = struct {
		k      kind
		wire   any
		want   any
		decode func([]byte) (any, error)
	}
	b := someBatch()
	w := want{Request: 3, Node: 9, Digest: journal.Digest{5}, Generation: 8, Offset: 1 << 33, Length: 1 << 20}
	beat := Beat{Position: somePosition(), Scope: journal.Digest{7}}
	inLine := Beat{Position: somePosition(), InLine: true}
	return map[string]row{
		"hello":   {kindHello, toHello(someHello()), someHello(), func(p []byte) (any, error) { return c.decodeHello(p) }},
		"welcome": {kindWelcome, toWelcome(someWelcome()), someWelcome(), func(p []byte) (any, error) { return c.decodeWelcome(p) }},
		"batch":   {kindBatch, toBatch(&b), b, func(p []byte) (any, error) { return c.decodeBatch(p) }},
		"want":    {kindWant, toWant(w), w, func(p []byte) (any, error) { return c.decodeWant(p) }},
		"cancel":  {kindCancel, wireCancel{7}, wireCancel{7}, func(p []byte) (any, error) { var m wireCancel; err := c.decode(p, &m); return m, err }},
		"credit":  {kindCredit, wireCredit{1 << 40}, wireCredit{1 << 40}, func(p []byte) (any, error) { var m wireCredit; err := c.decode(p, &m); return m, err }},
		"beat":    {kindBeat, toBeat(inLine), inLine, func(p []byte) (any, error) { return c.decodeBeat(p) }},
		"pulse":   {kindPulse, toBeat(beat), beat, func(p []byte) (any, error) { return c.decodeBeat(p) }},
		"content": {kindContent, wireContent{Request: 3, Offset: 300, Last: true, Bytes: []byte("abc")},
			content{Request: 3, Offset: 300, Last: true, Bytes: []byte("abc")}, func(p []byte) (any, error) { return c.decodeContent(p) }},
		"moved": {kindMoved, toMoved(moved{3, true, "EIO"}), moved{3, true, "EIO"}, func(p []byte) (any, error) { return c.decodeMoved(p) }},
		"list": {kindList, toList(list{3, 9, journal.Digest{5}}), list{3, 9, journal.Digest{5}},
			func(p []byte) (any, error) { return c.decodeList(p) }},
		"chunks": {kindChunks, toChunks(someChunks()), someChunks(), func(p []byte) (any, error) { return c.decodeChunks(p) }},
		"lineage": {kindLineage, wireLineage{toLineage(someLineage())}, someLineage(),
			func(p []byte) (any, error) { return c.decodeLineage(p) }},
		"report": {kindReport, toReport(someReport(), reportTime), someReport(),
			func(p []byte) (any, error) { return c.decodeReport(p, reportTime) }},
		"error": {kindError, toFault(fault{CodeTree, "no such tree", true}), fault{CodeTree, "no such tree", true},
			func(p []byte) (any, error) { return c.decodeFault(p) }},
	}
}

func TestEveryFrameHasItsGoldenBytes(t *testing.T) {
	c := mustCodec(t)
	for name, f := range frames(c) {
		t.Run(name, func(t *testing.T) {
			message, err := c.pack(f.k, f.wire)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "golden", name+".hex")
			if *update {
				if err := os.WriteFile(file, []byte(hex.EncodeToString(message)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := hex.EncodeToString(message), strings.TrimSpace(string(golden)); got != want {
				t.Fatalf("bytes changed:\n got %s\nwant %s", got, want)
			}
			k, payload, err := c.unpack(message, MaxFrame)
			if err != nil || k != f.k {
				t.Fatalf("unpack: kind %d, %v", k, err)
			}
			got, err := f.decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, f.want) {
				t.Errorf("decoded:\n got %+v\nwant %+v", got, f.want)
			}
		})
	}
}

func TestContentByHandIsContentByCBOR(t *testing.T) {
	c := mustCodec(t)
	for _, m := range []wireContent{
		{Request: 1, Bytes: []byte("x")},
		{Request: 23, Offset: 24, Bytes: make([]byte, 24), Last: true},
		{Request: 255, Offset: 256, Bytes: make([]byte, 255)},
		{Request: 65535, Offset: 65536, Bytes: make([]byte, 256)},
		{Request: 1 << 32, Offset: 1 << 40, Bytes: make([]byte, MaxContent), Last: true},
	} {
		want, err := c.pack(kindContent, m)
		if err != nil {
			t.Fatal(err)
		}
		got := append(contentHead(nil, m.Request, m.Offset, m.Last, len(m.Bytes)), m.Bytes...)
		if !bytes.Equal(got, want) {
			t.Errorf("request %d: got % x, want % x", m.Request, got[:16], want[:16])
		}
	}
}

func TestPackedMessagesComeBack(t *testing.T) {
	c := mustCodec(t)
	b := Batch{Position: somePosition()}
	for i := range 200 {
		b.Entries = append(b.Entries, journal.Entry{Seq: journal.Seq(i + 1), Change: journal.Change{
			Node: journal.Node{ID: journal.NodeID(i + 2), Parent: 1, Name: "file", Kind: journal.Dir, Mode: 0o755}}})
	}
	plainly, err := c.pack(kindBatch, toBatch(&b))
	if err != nil {
		t.Fatal(err)
	}
	tight := c.squeeze(plainly)
	if len(tight) >= len(plainly)/2 || encoding(tight[1]) != packed {
		t.Fatalf("packed %d bytes into %d", len(plainly), len(tight))
	}
	_, payload, err := c.unpack(tight, MaxFrame)
	if err != nil || !bytes.Equal(payload, plainly[2:]) {
		t.Errorf("unpacked differs: %v", err)
	}
}

// bomb is a zstd frame of zeros, announcing what says (or nothing, below zero).
func bomb(t testing.TB, size int) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(make([]byte, size), nil)
}

func TestHostilePayloadsAreRefused(t *testing.T) {
	c := mustCodec(t)
	var stream bytes.Buffer
	unannounced, err := zstd.NewWriter(&stream)
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := unannounced.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unannounced.Close(); err != nil {
		t.Fatal(err)
	}
	small := bomb(t, 100)
	for name, message := range map[string][]byte{
		"empty":                     {},
		"one byte":                  {17},
		"unknown encoding":          {17, 2, 0xa0},
		"not zstd":                  {17, 1, 1, 2, 3},
		"zstd bomb":                 append([]byte{17, 1}, bomb(t, 200<<20)...),
		"zstd that says no size":    append([]byte{17, 1}, stream.Bytes()...),
		"zstd of two frames":        append(append([]byte{17, 1}, small...), small...),
		"zstd cut short":            append([]byte{17, 1}, small[:len(small)-3]...),
		"a skippable zstd frame":    {17, 1, 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4},
		"a zstd header that claims": {17, 1, 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0},
	} {
		if _, _, err := c.unpack(message, MaxFrame); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, want ErrProtocol", name, err)
		}
	}
}

func TestHostileBatchesAreRefused(t *testing.T) {
	c := mustCodec(t)
	file := func(change func(*wireEntry)) wireBatch {
		e := wireEntry{Seq: 5, BodySeq: 5, PlaceSeq: 5, Node: &wireNode{ID: 2, Parent: 1, Name: "f", Kind: 1, Size: 3, Digest: make([]byte, 32)}}
		change(&e)
		return wireBatch{Entries: []wireEntry{e}}
	}
	body := func(in ...wireInline) wireBatch {
		b := file(func(*wireEntry) {})
		b.Bodies = in
		return b
	}
	if _, err := c.roundTrip(t, body(wireInline{Node: 2, Bytes: []byte("abc")})); err != nil {
		t.Fatalf("an honest batch: %v", err)
	}
	for name, b := range map[string]wireBatch{
		"name ..":               file(func(e *wireEntry) { e.Node.Name = ".." }),
		"name .":                file(func(e *wireEntry) { e.Node.Name = "." }),
		"empty name":            file(func(e *wireEntry) { e.Node.Name = "" }),
		"name with a slash":     file(func(e *wireEntry) { e.Node.Name = "../../etc/passwd" }),
		"name with NUL":         file(func(e *wireEntry) { e.Node.Name = "a\x00b" }),
		"long name":             file(func(e *wireEntry) { e.Node.Name = bstr(strings.Repeat("a", 256)) }),
		"kind 9":                file(func(e *wireEntry) { e.Node.Kind = 9 }),
		"own parent":            file(func(e *wireEntry) { e.Node.Parent = 2 }),
		"no parent":             file(func(e *wireEntry) { e.Node.Parent = 0 }),
		"negative id":           file(func(e *wireEntry) { e.Node.ID = -2 }),
		"negative size":         file(func(e *wireEntry) { e.Node.Size = -1 }),
		"short digest":          file(func(e *wireEntry) { e.Node.Digest = []byte{1} }),
		"seq 0":                 file(func(e *wireEntry) { e.Seq = 0 }),
		"seq 2^63":              file(func(e *wireEntry) { e.Seq = 1 << 63 }),
		"body of the future":    file(func(e *wireEntry) { e.BodySeq = 6 }),
		"two changes in one":    file(func(e *wireEntry) { e.Gone = 7 }),
		"no change":             file(func(e *wireEntry) { e.Node = nil }),
		"the root gone":         file(func(e *wireEntry) { e.Node, e.Gone = nil, 1 }),
		"a negative node gone":  file(func(e *wireEntry) { e.Node, e.Gone = nil, -4 }),
		"a root with a name":    file(func(e *wireEntry) { e.Node.ID = 1 }),
		"set-id beyond 07777":   file(func(e *wireEntry) { e.Node.Mode = 0o100000 }),
		"target in a file":      file(func(e *wireEntry) { e.Node.Target = "x" }),
		"long path":             file(func(e *wireEntry) { e.Path = bstr(strings.Repeat("a", MaxEntryPath+1)) }),
		"xattrs out of order":   file(func(e *wireEntry) { e.Node.Xattrs = []wireXattr{{Name: "b"}, {Name: "a"}} }),
		"short epoch":           {Position: wirePosition{Epoch: []byte{1}}},
		"done without full":     {FullDone: true},
		"content for nobody":    body(wireInline{Node: 3, Bytes: []byte("abc")}),
		"content twice":         body(wireInline{Node: 2, Bytes: []byte("abc")}, wireInline{Node: 2, Bytes: []byte("abc")}),
		"content too short":     body(wireInline{Node: 2, Bytes: []byte("ab")}),
		"content too long":      body(wireInline{Node: 2, Bytes: []byte("abcd")}),
		"content before byte 0": body(wireInline{Node: 2, Offset: -1, Bytes: []byte("abcd")}),
		"node twice": {Entries: []wireEntry{
			{Seq: 5, Node: &wireNode{ID: 2, Parent: 1, Name: "f", Kind: 2}}, {Seq: 6, Node: &wireNode{ID: 2, Parent: 1, Name: "g", Kind: 2}}}},
	} {
		if got, err := c.roundTrip(t, b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %+v, %v; want ErrProtocol", name, got, err)
		}
	}
}

func (c *codec) roundTrip(t *testing.T, b wireBatch) (Batch, error) {
	t.Helper()
	message, err := c.pack(kindBatch, b)
	if err != nil {
		t.Fatal(err)
	}
	return c.decodeBatch(message[2:])
}

func TestHostileHellosAreRefused(t *testing.T) {
	c := mustCodec(t)
	many := make([]string, MaxSubDirs+1)
	for i := range many {
		many[i] = "d"
	}
	for name, change := range map[string]func(*Hello){
		"no version":        func(h *Hello) { h.Versions = nil },
		"many versions":     func(h *Hello) { h.Versions = make([]uint64, MaxVersions+1) },
		"sub_dir ..":        func(h *Hello) { h.SubDirs = []string{"a/../.."} },
		"sub_dir absolute":  func(h *Hello) { h.SubDirs = []string{"/etc"} },
		"sub_dir empty":     func(h *Hello) { h.SubDirs = []string{""} },
		"sub_dir with NUL":  func(h *Hello) { h.SubDirs = []string{"a\x00"} },
		"sub_dir long":      func(h *Hello) { h.SubDirs = []string{strings.Repeat("a/", MaxSubDir)} },
		"many sub_dirs":     func(h *Hello) { h.SubDirs = many },
		"many features":     func(h *Hello) { h.Features = make([]string, MaxFeatures+1) },
		"heartbeat of ages": func(h *Hello) { h.Heartbeat = 24 * time.Hour },
		"negative window":   func(h *Hello) { h.Window = -1 },
		"giant window":      func(h *Hello) { h.Window = 1 << 60 },
	} {
		h := someHello()
		change(&h)
		message, err := c.pack(kindHello, toHello(h))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.decodeHello(message[2:]); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, want ErrProtocol", name, err)
		}
	}
}

// FuzzMessages feeds every decoder: nothing may panic, and what passes passes
// again after a round trip.
func FuzzMessages(f *testing.F) {
	c := mustCodec(f)
	for _, fr := range frames(c) {
		message, err := c.pack(fr.k, fr.wire)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	b := someBatch()
	if m, err := c.pack(kindBatch, toBatch(&b)); err == nil {
		f.Add(append([]byte{17, 1}, newPacker().EncodeAll(m[2:], nil)...))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		k, payload, err := c.unpack(message, MaxFrame)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("unpack: %v", err)
			}
			return
		}
		switch k {
		case kindHello:
			again(t, c, payload, c.decodeHello, toHello)
		case kindWelcome:
			again(t, c, payload, c.decodeWelcome, toWelcome)
		case kindBatch:
			again(t, c, payload, c.decodeBatch, func(b Batch) wireBatch { return toBatch(&b) })
		case kindWant:
			again(t, c, payload, c.decodeWant, toWant)
		case kindPulse, kindBeat:
			again(t, c, payload, c.decodeBeat, toBeat)
		case kindMoved:
			again(t, c, payload, c.decodeMoved, toMoved)
		case kindError:
			again(t, c, payload, c.decodeFault, toFault)
		case kindList:
			again(t, c, payload, c.decodeList, toList)
		case kindChunks:
			again(t, c, payload, c.decodeChunks, toChunks)
		case kindLineage:
			again(t, c, payload, c.decodeLineage, func(l Lineage) wireLineage { return wireLineage{toLineage(l)} })
		case kindReport:
			again(t, c, payload, func(p []byte) (Report, error) { return c.decodeReport(p, reportTime) },
				func(r Report) wireReport { return toReport(r, reportTime) })
		case kindContent:
			again(t, c, payload, c.decodeContent, func(m content) wireContent { return wireContent{m.Request, m.Offset, m.Last, m.Bytes} })
		}
	})
}

func again[T, W any](t *testing.T, c *codec, payload []byte, decode func([]byte) (T, error), to func(T) W) {
	t.Helper()
	v, err := decode(payload)
	if err != nil {
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("refused without ErrProtocol: %v", err)
		}
		return
	}
	message, err := c.pack(1, to(v))
	if err != nil {
		return // it grew above the limit
	}
	second, err := decode(message[2:])
	if err != nil {
		t.Fatalf("what was accepted is refused the second time: %v", err)
	}
	if !reflect.DeepEqual(v, second) {
		t.Errorf("changed in a round trip:\n got %+v\nwant %+v", second, v)
	}
}

// harmless is what a terminal only prints: no control character, none that turns the
// direction of text round, none that is invisible.
func harmless(r rune) bool {
	controls := r < 0x20 || r >= 0x7f && r < 0xa0
	directions := r == 0x061c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	return !controls && !directions && r != 0xfeff && r < 0xe0000
}

func FuzzDisplay(f *testing.F) {
	for _, s := range []string{"plain", "a\xffb", "x\ny", "\x1b[31m", "\u202etxt.exe", `back\slash`, "\u0000", "ünï", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shownAs := Display(s)
		for _, r := range shownAs {
			if !harmless(r) {
				t.Errorf("%q shows %U", s, r)
			}
		}
		if clean(s) && shownAs != s {
			t.Errorf("%q was changed to %q", s, shownAs)
		}
	})
}
