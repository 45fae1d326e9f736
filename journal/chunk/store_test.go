package chunk_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal/chunk"
)

func keyOf(n int) (k chunk.Key) {
	k[0], k[1], k[31] = byte(n), byte(n>>8), 1
	return k
}

func recordOf(t testing.TB, seed uint64) chunk.Record {
	return chunk.Record{List: mustCut(t, randomBytes(seed, 2<<20), 14), Marks: []chunk.Mark{{At: 1 << 20, State: []byte("state")}, {At: 2 << 20, State: []byte("more")}}}
}

func equalRecords(a, b chunk.Record) bool {
	return a.List.Grain == b.List.Grain && slices.Equal(a.List.Chunks, b.List.Chunks) && slices.EqualFunc(a.Marks, b.Marks, func(x, y chunk.Mark) bool {
		return x.At == y.At && string(x.State) == string(y.State)
	})
}

func TestAStoreKeepsRecordsFromProcessToProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chunks")
	s := chunk.NewStore(dir)
	want := recordOf(t, 1)
	if err := s.Put(keyOf(1), want); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*chunk.Store{s, chunk.NewStore(dir)} {
		if got, ok := s.Get(keyOf(1)); !ok || !equalRecords(got, want) {
			t.Errorf("got %v, %d chunks", ok, len(got.List.Chunks))
		}
		if _, ok := s.Get(keyOf(2)); ok {
			t.Error("a record that nobody put")
		}
	}
	if m, ok := want.MarkAt(2<<20 - 1); !ok || m.At != 1<<20 {
		t.Errorf("mark %v at %d", ok, m.At)
	}
}

func TestANilStoreIsEmpty(t *testing.T) {
	var s *chunk.Store
	if err := s.Put(keyOf(1), recordOf(t, 1)); err != nil {
		t.Error(err)
	}
	if _, ok := s.Get(keyOf(1)); ok {
		t.Error("it has something")
	}
}

func TestDamageOfAStoreDropsTheRecord(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"a bit":       func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"the last":    func(b []byte) []byte { b[len(b)-1]++; return b },
		"the version": func(b []byte) []byte { b[7]++; return b },
		"cut":         func(b []byte) []byte { return b[:len(b)-9] },
		"empty":       func([]byte) []byte { return nil },
		"zeros":       func(b []byte) []byte { clear(b); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "chunks")
			s := chunk.NewStore(dir)
			if err := s.Put(keyOf(1), recordOf(t, 1)); err != nil {
				t.Fatal(err)
			}
			files := list(t, dir)
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.Get(keyOf(1)); ok {
				t.Error("it was believed")
			}
			if left := list(t, dir); len(left) != 0 {
				t.Errorf("it is still there: %v", left)
			}
			if err := s.Put(keyOf(1), recordOf(t, 1)); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.Get(keyOf(1)); !ok {
				t.Error("a new one is not kept")
			}
		})
	}
}

func list(t *testing.T, dir string) (files []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, filepath.Join(dir, e.Name()))
	}
	return files
}

func TestAStoreForgetsWhatWasNotUsedForLongest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chunks")
	s := chunk.NewStore(dir)
	s.Bound(int64(4*len(chunk.Encode(recordOf(t, 0))) + 100)) // four records, which differ a little
	for i := range 4 {
		if err := s.Put(keyOf(i), recordOf(t, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(s *chunk.Store, i int) bool { _, ok := s.Get(keyOf(i)); return ok }
	if !kept(s, 3) {
		t.Error("the newest is gone")
	}
	if !kept(s, 0) {
		t.Fatal("four records do not fit")
	}
	time.Sleep(time.Millisecond)
	for i := 4; i < 6; i++ {
		if err := s.Put(keyOf(i), recordOf(t, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if !kept(s, 0) || kept(s, 1) {
		t.Error("what was asked for lately is gone, or what was not is kept")
	}
	again := chunk.NewStore(dir)
	again.Bound(1 << 10)
	if kept(again, 0) || kept(again, 5) {
		t.Error("a smaller bound keeps as much")
	}
}

func TestForeignNamesInAStoreAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "abc.chunks")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := chunk.NewStore(dir)
	if _, ok := s.Get(keyOf(1)); ok {
		t.Error("found")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(chunk.Encode(recordOf(f, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := chunk.Decode(chunk.Seal(b))
		if err != nil {
			return
		}
		if again, err := chunk.Decode(chunk.Encode(r)); err != nil || !equalRecords(r, again) {
			t.Errorf("a record changes by being kept: %v", err)
		}
	})
}

func TestARecordServesWhatGrewFromItsContent(t *testing.T) {
	s := chunk.NewStore(filepath.Join(t.TempDir(), "chunks"))
	s.Grew(keyOf(1), keyOf(2)) // nothing is known of 1
	if _, ok := s.GetBegun(keyOf(2)); ok {
		t.Error("a record from nowhere")
	}
	want := recordOf(t, 1)
	if err := s.Put(keyOf(1), want); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 5000; i++ {
		s.Grew(keyOf(i), keyOf(i+1))
	}
	for _, k := range []int{1, 5000} {
		if got, ok := s.GetBegun(keyOf(k)); !ok || !equalRecords(got, want) {
			t.Errorf("content %d: %v", k, ok)
		}
	}
	if _, ok := s.Get(keyOf(5000)); ok {
		t.Error("the record is said to be of all of the content")
	}
	if _, ok := s.GetBegun(keyOf(4000)); ok {
		t.Error("a content that grew on is still remembered")
	}
}
