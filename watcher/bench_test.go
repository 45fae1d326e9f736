package watcher_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// benchRig is a rig with a tree of dirs directories with files files each.
func benchRig(b *testing.B, dirs, files int) *rig {
	b.Helper()
	r := newRig(b)
	fill(b, r.root, dirs, files)
	return r
}

func fill(t testing.TB, root string, dirs, files int) {
	t.Helper()
	for d := range dirs {
		dir := filepath.Join(root, fmt.Sprintf("d%03d", d))
		mustNot(t, os.MkdirAll(dir, 0o755))
		for f := range files {
			mustNot(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", f)), []byte("ten bytes!"), 0o644))
		}
	}
}

// perPath reports the time of an iteration over so many paths.
func perPath(b *testing.B, paths int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*paths), "ns/path")
}

func BenchmarkScanOfANewTree(b *testing.B) {
	r := benchRig(b, 50, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		r.halt()
		mustNot(b, r.j.Close())
		j, err := journal.Open(journal.Config{Path: filepath.Join(b.TempDir(), "journal.db"), Role: journal.Capitol})
		mustNot(b, err)
		r.j, r.cfg.Journal = j, j
		b.StartTimer()
		r.start()
	}
	perPath(b, 50*101)
	r.halt()
	mustNot(b, r.j.Close())
}

func BenchmarkScanOfAnUnchangedTree(b *testing.B) {
	r := benchRig(b, 50, 100)
	r.start()
	b.ReportAllocs()
	for b.Loop() {
		mustNot(b, r.w.Reconcile(b.Context()))
	}
	perPath(b, 50*101)
}

// A change alone: from the write to its entry on the disk.
func BenchmarkOnePath(b *testing.B) {
	r := benchRig(b, 10, 100)
	r.start()
	r.settle()
	path := r.path("d000/f0000")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		seq := r.j.Position().Seq
		mustNot(b, os.WriteFile(path, fmt.Appendf(nil, "%010d", i), 0o644))
		mustNot(b, r.j.Wait(context.Background(), seq))
	}
}

// A burst: a directory is filled, then removed, and all is in the journal.
func BenchmarkABurst(b *testing.B) {
	r := newRig(b)
	r.start()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		fill(b, r.path("burst"), 20, 100)
		r.mark(fmt.Sprintf("filled%d", i))
		mustNot(b, os.RemoveAll(r.path("burst")))
		r.until("the burst is gone", func() string {
			if _, err := r.j.Resolve(b.Context(), "burst"); err == nil {
				return "it is there"
			}
			return ""
		})
	}
	perPath(b, 2*20*101)
}

// mark makes a file and waits for its entry: what was heard before it is
// appended by then.
func (r *rig) mark(name string) {
	mustNot(r.t, os.WriteFile(r.path(name), nil, 0o644))
	r.until("the mark is seen", func() string {
		if _, err := r.j.Resolve(r.t.Context(), name); err != nil {
			return err.Error()
		}
		return ""
	})
}
