package watcher_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
	"github.com/rs/zerolog"
)

// rig is a tree, a journal and, while it is started, a watcher.
type rig struct {
	t    testing.TB
	root string
	cfg  watcher.Config
	j    *journal.Journal
	w    *watcher.Watcher
	stop func()
}

func newRig(t testing.TB, change ...func(*watcher.Config)) *rig {
	t.Helper()
	base := t.TempDir()
	j, err := journal.Open(journal.Config{Path: filepath.Join(base, "journal.db"), Role: journal.Capitol})
	mustNot(t, err)
	t.Cleanup(func() { j.Close() })
	r := &rig{t: t, root: filepath.Join(base, "tree"), j: j}
	mustNot(t, os.Mkdir(r.root, 0o755))
	r.cfg = watcher.Config{Root: r.root, Journal: j}
	r.cfg.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	for _, c := range change {
		c(&r.cfg)
	}
	t.Cleanup(func() { r.halt() })
	return r
}

// start runs a watcher and waits until it is ready.
func (r *rig) start() {
	r.t.Helper()
	r.begin()
	select {
	case <-r.w.Ready():
	case <-time.After(20 * time.Second):
		r.t.Fatal("not ready after 20 s")
	}
}

// begin runs a watcher.
func (r *rig) begin() {
	r.t.Helper()
	w, err := watcher.New(r.cfg)
	mustNot(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r.w = w
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run ended with %v", err)
		}
	}
}

// halt stops the watcher, if one runs.
func (r *rig) halt() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// settle waits until the journal says what the disk shows and nothing is dirty.
func (r *rig) settle() {
	r.t.Helper()
	r.until("journal equals disk", func() string {
		got, _, err := inJournal(context.Background(), r.j)
		if err != nil {
			return err.Error()
		}
		want, err := onDisk(r.root)
		if err != nil {
			return err.Error()
		}
		if d := got.diff(want); d != "" {
			return d
		}
		if n := r.w.Status().Waiting; n > 0 {
			return "dirty paths wait"
		}
		return ""
	})
}

// until polls until why is empty.
func (r *rig) until(what string, why func() string) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		reason := why()
		if reason == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s\n%s\nstatus %+v", what, reason, r.w.Status())
		}
		time.Sleep(time.Millisecond) // between two looks at a state, not instead of one
	}
}

func (r *rig) path(rel string) string { return filepath.Join(r.root, rel) }

func (r *rig) row(rel string) journal.Stored {
	r.t.Helper()
	row, err := r.j.Resolve(context.Background(), rel)
	mustNot(r.t, err)
	return row
}
