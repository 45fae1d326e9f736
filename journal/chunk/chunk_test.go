package chunk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hydrasync/hydrasync/journal/chunk"
	"pgregory.net/rapid"
)

// randomBytes are the same for the same seed, on every machine.
func randomBytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func mustCut(t testing.TB, b []byte, g chunk.Grain) chunk.List {
	t.Helper()
	l, err := chunk.Cut(bytes.NewReader(b), g, make([]byte, 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Check(int64(len(b))); err != nil && len(b) > 0 {
		t.Fatalf("a cutter's own list: %v", err)
	}
	return l
}

// The cuts are part of the wire: whoever changes them has to change the
// feature's name.
func TestCutsAreFrozen(t *testing.T) {
	b := randomBytes(1, 4<<20)
	copy(b[1<<20:], make([]byte, 600<<10))
	for g, want := range map[chunk.Grain]string{
		14: "29393be59a4a300a",
		17: "9c476a182518c211",
	} {
		l, err := chunk.Cut(bytes.NewReader(b), g, make([]byte, 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(chunk.AppendChunks(nil, l.Chunks))
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("grain %d: %d chunks that hash to %s, want %s", g, len(l.Chunks), got, want)
		}
	}
}

func TestGrainGrowsWithTheSize(t *testing.T) {
	for size, want := range map[int64]chunk.Grain{
		0: 14, chunk.MinSize: 14, 192 << 20: 14, 192<<20 + 1: 15, 1 << 30: 17, 1536 << 20: 17, 1536<<20 + 1: 18, chunk.MaxSize: 27, chunk.MaxSize * 2: 27,
	} {
		if got := chunk.GrainOf(size); got != want {
			t.Errorf("grain of %d bytes is %d, want %d", size, got, want)
		}
	}
}

func TestChunksAreAboutAsLongAsTheGrainSays(t *testing.T) {
	l := mustCut(t, randomBytes(2, 32<<20), 14)
	if mean := 32 << 20 / len(l.Chunks); mean < 15<<10 || mean > 23<<10 {
		t.Errorf("chunks of 16 KiB measure %d bytes in the mean", mean)
	}
}

func TestPiecesOfAnyLengthGiveTheSameCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawContent(t, "content")
		c := chunk.NewCutter(14)
		for rest := b; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 200<<10).Draw(t, "piece"))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, err := c.List()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, cutAll(b))
	})
}

func cutAll(b []byte) chunk.List {
	l, _ := chunk.Cut(bytes.NewReader(b), 14, make([]byte, 64<<10))
	return l
}

func same(t *rapid.T, got, want chunk.List) {
	t.Helper()
	if got.Grain != want.Grain || !slices.Equal(got.Chunks, want.Chunks) {
		t.Fatalf("got %d chunks, want %d: %v %v", len(got.Chunks), len(want.Chunks), got.Chunks, want.Chunks)
	}
}

// drawContent is random bytes with runs of zeros and of repeated text.
func drawContent(t *rapid.T, label string) []byte {
	var b []byte
	for range rapid.IntRange(0, 6).Draw(t, label+" parts") {
		n := rapid.IntRange(0, 150<<10).Draw(t, label+" length")
		switch rapid.IntRange(0, 4).Draw(t, label+" kind") {
		case 0:
			b = append(b, make([]byte, n)...)
		case 1:
			b = append(b, bytes.Repeat([]byte("all work and no play "), n/21)...)
		default:
			b = append(b, randomBytes(rapid.Uint64Range(0, 5).Draw(t, label+" seed"), n)...)
		}
	}
	return b
}

// drawEdit overwrites, inserts, removes, appends and moves.
func drawEdit(t *rapid.T, b []byte) []byte {
	b = slices.Clone(b)
	for range rapid.IntRange(0, 4).Draw(t, "edits") {
		at := rapid.IntRange(0, len(b)).Draw(t, "at")
		n := rapid.IntRange(0, 60<<10).Draw(t, "bytes")
		fresh := randomBytes(rapid.Uint64Range(10, 20).Draw(t, "fresh"), n)
		switch rapid.IntRange(0, 4).Draw(t, "edit") {
		case 0:
			copy(b[at:], fresh)
		case 1:
			b = slices.Insert(b, at, fresh...)
		case 2:
			b = slices.Delete(b, at, min(len(b), at+n))
		case 3:
			b = append(b, fresh...)
		case 4:
			b = append(slices.Clone(b[at:]), b[:at]...)
		}
	}
	return b
}

func TestAPredictedListIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := drawContent(t, "old")
		b := drawEdit(t, old)
		list := cutAll(old)
		var c *chunk.Cutter
		from := int64(0)
		if n, at, err := list.Common(context.Background(), bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		} else if n > 0 && rapid.Bool().Draw(t, "resume") {
			c, from = chunk.Resume(list, n)
			if from > at || !bytes.Equal(old[:at], b[:at]) {
				t.Fatalf("%d bytes in common, which differ", at)
			}
			c.Predict(list, min(n, len(list.Chunks)-1), bytes.NewReader(b))
		} else {
			c = chunk.NewCutter(14)
			c.Predict(list, 0, bytes.NewReader(b))
		}
		for rest := b[from:]; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 200<<10).Draw(t, "piece"))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, err := c.List()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, cutAll(b))
	})
}

func TestAnExtendedListIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := drawContent(t, "old")
		b := append(slices.Clone(old), drawContent(t, "tail")...)
		c, from := chunk.Resume(cutAll(old), 1<<20)
		_, _ = c.Write(b[from:])
		got, err := c.List()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, cutAll(b))
	})
}

func TestAPlanPutsTheContentTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := drawContent(t, "old")
		b := drawEdit(t, old)
		want := cutAll(b)
		var got []byte
		for _, s := range chunk.Plan(cutAll(old), want) {
			if s.To != int64(len(got)) || s.Length <= 0 {
				t.Fatalf("span %+v after %d bytes", s, len(got))
			}
			switch s.Way {
			case chunk.Fetch:
				got = append(got, b[s.To:s.To+s.Length]...)
			case chunk.Copy:
				got = append(got, old[s.From:s.From+s.Length]...)
			case chunk.Zero:
				got = append(got, make([]byte, s.Length)...)
			}
		}
		if !bytes.Equal(got, b) {
			t.Fatalf("%d bytes that are not the content's %d", len(got), len(b))
		}
	})
}

func TestAnEditCostsWhatItChanged(t *testing.T) {
	old := randomBytes(3, 16<<20)
	fresh := randomBytes(4, 64<<10)
	insert := slices.Insert(slices.Clone(old), 100_000, fresh...)
	middle := slices.Clone(old)
	copy(middle[8<<20:], fresh)
	for name, b := range map[string][]byte{
		"overwrite": middle, "insert": insert, "append": append(slices.Clone(old), fresh...), "prepend": append(slices.Clone(fresh), old...),
		"remove": slices.Delete(slices.Clone(old), 5<<20, 6<<20), "truncate": old[:9<<20], "swap": append(slices.Clone(old[7<<20:]), old[:7<<20]...), "same": old,
	} {
		t.Run(name, func(t *testing.T) {
			spans := chunk.Plan(mustCut(t, old, 14), mustCut(t, b, 14))
			if missing := chunk.Missing(spans); missing > 64<<10+4*32<<10 {
				t.Errorf("%d bytes have to be fetched", missing)
			}
			if len(spans) > 6 {
				t.Errorf("%d spans, which should be few and long: %v", len(spans), spans)
			}
		})
	}
}

func TestRepeatedChunksAreCopiedInOnePiece(t *testing.T) {
	old := append(make([]byte, 4<<20), randomBytes(5, 1<<20)...)
	spans := chunk.Plan(mustCut(t, old, 14), mustCut(t, old, 14))
	if len(spans) != 1 {
		t.Errorf("the same content takes %d spans: %v", len(spans), spans)
	}
}

func TestListsThatNoCutterMakesAreRefused(t *testing.T) {
	good := func() chunk.List { return cutAll(randomBytes(6, 2<<20)) }
	for name, spoil := range map[string]func(l *chunk.List){
		"empty":         func(l *chunk.List) { l.Chunks = nil },
		"zero length":   func(l *chunk.List) { l.Chunks[3].Length = 0 },
		"short chunk":   func(l *chunk.List) { l.Chunks[4].Length += l.Chunks[3].Length - 1; l.Chunks[3].Length = 1 },
		"long chunk":    func(l *chunk.List) { l.Chunks[0].Length = 1 << 30 },
		"too few bytes": func(l *chunk.List) { l.Chunks = l.Chunks[1:] },
		"too much":      func(l *chunk.List) { l.Chunks = append(l.Chunks, l.Chunks...) },
		"grain":         func(l *chunk.List) { l.Grain = 27 },
		"no grain":      func(l *chunk.List) { l.Grain = 0 },
		"grain of 255":  func(l *chunk.List) { l.Grain = 255 },
	} {
		l := good()
		spoil(&l)
		if err := l.Check(2 << 20); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
