package watcher_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/watcher"
)

func withEcho(t *testing.T) func(*watcher.Config) {
	return func(c *watcher.Config) { c.Echo = filepath.Join(t.TempDir(), "echo") }
}

// TestWhatWasSavedBeforeABarrierIsInTheJournal saves in directories that are new, renames them
// and removes some, and asks the journal right after each barrier.
func TestWhatWasSavedBeforeABarrierIsInTheJournal(t *testing.T) {
	r := newRig(t, withEcho(t))
	r.start()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	for i := range 40 {
		deep := fmt.Sprintf("d%d/e/f/g", i%5)
		mustNot(t, os.MkdirAll(r.path(deep), 0o755))
		for k := range 3 {
			mustNot(t, os.WriteFile(r.path(fmt.Sprintf("%s/%d-%d", deep, i, k)), []byte(strings.Repeat("x", i)), 0o644))
		}
		moved := fmt.Sprintf("m%d", i)
		mustNot(t, os.Rename(r.path(fmt.Sprintf("d%d", i%5)), r.path(moved)))
		if i%4 == 3 {
			mustNot(t, os.RemoveAll(r.path(fmt.Sprintf("m%d", i-1))))
		}
		at, err := r.w.Barrier(ctx)
		mustNot(t, err)
		if now := r.j.Position(); at.Epoch != now.Epoch || at.Seq == 0 || at.Seq > now.Seq {
			t.Fatalf("the barrier is at %v, the journal at %v", at, now)
		}
		for k := range 3 {
			path := fmt.Sprintf("%s/e/f/g/%d-%d", moved, i, k)
			if _, err := r.j.Resolve(ctx, path); err != nil {
				t.Fatalf("turn %d: %s: %v", i, path, err)
			}
		}
		if i%4 == 3 {
			if _, err := r.j.Resolve(ctx, fmt.Sprintf("m%d", i-1)); err == nil {
				t.Fatalf("turn %d: what was removed is still there", i)
			}
		}
	}
	if left, err := os.ReadDir(r.cfg.Echo); err != nil || len(left) > 0 {
		t.Errorf("echoes are left: %v, %v", left, err)
	}
}

// TestABarrierFailsWhereEventsAreLost fills the kernel's queue while nobody reads it.
func TestABarrierFailsWhereEventsAreLost(t *testing.T) {
	r := newRig(t, withEcho(t))
	mustNot(t, os.WriteFile(r.path("a"), nil, 0o644))
	mustNot(t, os.WriteFile(r.path("b"), nil, 0o644))
	r.start()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	release := r.w.Hold()
	for i := range 50_000 {
		mustNot(t, os.Chmod(r.path("a"), os.FileMode(0o600+i%2)))
		mustNot(t, os.Chmod(r.path("b"), os.FileMode(0o600+i%2)))
	}
	ended := make(chan error)
	go func() {
		_, err := r.w.Barrier(ctx)
		ended <- err
	}()
	release()
	var uncertain *watcher.UncertainError
	if err := <-ended; !errors.As(err, &uncertain) {
		t.Errorf("a barrier over lost events: %v", err)
	}
	r.settle()
	if _, err := r.w.Barrier(ctx); err != nil {
		t.Errorf("after the comparison: %v", err)
	}
}

// TestABarrierFailsWhereNobodyListens: a directory whose path is too long for a watch is polled.
func TestABarrierFailsWhereNobodyListens(t *testing.T) {
	r := newRig(t, withEcho(t))
	r.start()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	if _, err := r.w.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("n", 250)
	dir, err := os.OpenRoot(r.root)
	mustNot(t, err)
	for range 18 {
		mustNot(t, dir.Mkdir(name, 0o755))
		next, err := dir.OpenRoot(name)
		mustNot(t, err)
		mustNot(t, dir.Close())
		dir = next
	}
	mustNot(t, dir.Close())
	r.until("a directory is polled", func() string {
		if r.w.Status().UnwatchedAll == 0 {
			return "all are watched"
		}
		return ""
	})
	var uncertain *watcher.UncertainError
	if _, err := r.w.Barrier(ctx); !errors.As(err, &uncertain) {
		t.Errorf("a barrier over polled directories: %v", err)
	}
}
