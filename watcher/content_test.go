package watcher_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
)

func TestFileIsAppendedWhenItsWriterClosesIt(t *testing.T) {
	r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = time.Hour, 2*time.Hour })
	r.start()
	f, err := os.Create(r.path("f"))
	mustNot(t, err)
	_, err = f.WriteString("half")
	mustNot(t, err)
	r.until("somebody looked", func() string {
		if r.w.Status().Waiting == 0 {
			return "nothing waits"
		}
		return ""
	})
	if _, err := r.j.Resolve(t.Context(), "f"); err == nil {
		t.Fatal("it was appended while it was written")
	}
	_, err = f.WriteString(" and half")
	mustNot(t, err)
	mustNot(t, f.Close())
	r.settle() // long before the quiet window ends
}

func TestGrowingLogIsAppendedWhileItIsOpen(t *testing.T) {
	for _, size := range []int{10, 200_000} {
		t.Run(fmt.Sprint(size, "-bytes"), func(t *testing.T) {
			r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = time.Hour, 2*time.Hour })
			mustNot(t, os.WriteFile(r.path("log"), []byte(strings.Repeat("x", size)), 0o644))
			r.start()
			generation := r.row("log").Node.Body.Generation
			f, err := os.OpenFile(r.path("log"), os.O_WRONLY|os.O_APPEND, 0)
			mustNot(t, err)
			defer f.Close()
			for i := range 5 {
				_, err := fmt.Fprintf(f, "line %d\n", i)
				mustNot(t, err)
				r.settle()
			}
			if got := r.row("log").Node.Body.Generation; got != generation {
				t.Errorf("generation %d, want %d", got, generation)
			}
		})
	}
}

func TestEditFurtherUpIsANewGeneration(t *testing.T) {
	r := newRig(t)
	text := []byte(strings.Repeat("x", 200_000))
	mustNot(t, os.WriteFile(r.path("f"), text, 0o644))
	r.start()
	was := r.row("f").Node.Body
	copy(text[199_000:], "edited near the end")
	mustNot(t, os.WriteFile(r.path("f"), append(text, "and more"...), 0o644))
	r.settle()
	if now := r.row("f").Node.Body; now.Generation == was.Generation {
		t.Errorf("the generation stayed although old bytes changed")
	}
}

func read(t *testing.T, b watcher.Body, size int64) ([]byte, error) {
	t.Helper()
	defer b.Close()
	return io.ReadAll(io.NewSectionReader(b, 0, size))
}

func TestOpenServesWhatTheJournalSays(t *testing.T) {
	r := newRig(t)
	for _, size := range []int{0, 1000, 300_000} {
		mustNot(t, os.WriteFile(r.path(fmt.Sprint("f", size)), bytes.Repeat([]byte("y"), size), 0o644))
	}
	r.start()
	for _, size := range []int{0, 1000, 300_000} {
		n := r.row(fmt.Sprint("f", size)).Node
		b, err := r.w.Open(t.Context(), n)
		mustNot(t, err)
		got, err := read(t, b, n.Body.Size)
		mustNot(t, err)
		if journal.Digest(sha256.Sum256(got)) != n.Body.Digest {
			t.Errorf("%d bytes: %d bytes of something else", size, len(got))
		}
	}
}

func TestOpenOfWhatHasMovedOn(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"edited", "grown", "removed", "cut"} {
		mustNot(t, os.WriteFile(r.path(name), bytes.Repeat([]byte(name[:1]), 300_000), 0o644))
	}
	r.start()
	nodes, bodies := map[string]journal.Node{}, map[string]watcher.Body{}
	for _, name := range []string{"edited", "grown", "removed", "cut"} {
		n := r.row(name).Node
		b, err := r.w.Open(t.Context(), n)
		mustNot(t, err)
		nodes[name], bodies[name] = n, b
	}
	mustNot(t, r.do([]string{"patch", "edited", "5", "other"}))
	mustNot(t, r.do([]string{"append", "grown", "more"}))
	mustNot(t, os.Remove(r.path("removed")))
	mustNot(t, os.Truncate(r.path("cut"), 10))
	for name, want := range map[string]error{"edited": watcher.ErrMoved, "grown": nil, "removed": nil, "cut": watcher.ErrMoved} {
		if _, err := read(t, bodies[name], 300_000); !errors.Is(err, want) {
			t.Errorf("%s while open: %v, want %v", name, err, want)
		}
	}
	r.settle()
	for name, want := range map[string]error{"edited": watcher.ErrMoved, "grown": nil, "removed": watcher.ErrMoved, "cut": watcher.ErrMoved} {
		b, err := r.w.Open(t.Context(), nodes[name])
		if err == nil {
			b.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s afterwards: %v, want %v", name, err, want)
		}
	}
	var moved interface{ Moved() bool }
	if !errors.As(fmt.Errorf("open: %w", watcher.ErrMoved), &moved) || !moved.Moved() {
		t.Error("ErrMoved does not say Moved")
	}
}

func TestReconcileOfAnUnchangedTreeMakesNoEntry(t *testing.T) {
	r := newRig(t)
	for i := range 50 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%d/e", i)), 0o755))
		mustNot(t, os.WriteFile(r.path(fmt.Sprintf("d%d/e/f", i)), []byte(fmt.Sprint(i)), 0o644))
		mustNot(t, os.Symlink("f", r.path(fmt.Sprintf("d%d/e/l", i))))
	}
	mustNot(t, os.Link(r.path("d1/e/f"), r.path("d2/e/h")))
	r.start()
	r.settle()
	head := r.j.Position()
	mustNot(t, r.w.Reconcile(t.Context()))
	mustNot(t, r.w.Reconcile(t.Context()))
	if now := r.j.Position(); now != head {
		t.Errorf("position %v, want %v", now, head)
	}
}

func TestNewRefusesWhatIsNoTree(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("file"), nil, 0o644))
	for name, root := range map[string]string{"missing": r.path("nowhere"), "a file": r.path("file")} {
		_, err := watcher.New(watcher.Config{Root: root, Journal: r.j})
		var bad *watcher.RootError
		if !errors.As(err, &bad) || bad.Hint() == "" {
			t.Errorf("%s: %v, want a RootError with a hint", name, err)
		}
	}
}

func BenchmarkFirstScan(b *testing.B) {
	src := os.Getenv("WATCHER_TREE")
	if src == "" {
		b.Skip("set WATCHER_TREE to a directory")
	}
	for b.Loop() {
		r := newRig(b, func(c *watcher.Config) { c.Root = src })
		r.start()
		b.StopTimer()
		stats, err := r.j.Stats(context.Background())
		mustNot(b, err)
		b.ReportMetric(float64(stats.Nodes), "paths")
		r.halt()
		b.StartTimer()
	}
}

func BenchmarkReconcile(b *testing.B) {
	src := os.Getenv("WATCHER_TREE")
	if src == "" {
		b.Skip("set WATCHER_TREE to a directory")
	}
	r := newRig(b, func(c *watcher.Config) { c.Root = src })
	r.start()
	for b.Loop() {
		mustNot(b, r.w.Reconcile(context.Background()))
	}
}

// From write(2) to the journal's answer, durable.
