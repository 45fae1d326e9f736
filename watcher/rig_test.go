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
	"golang.org/x/sys/unix"
)

// rig is a tree, a journal and, while it is started, a watcher.
type rig struct {
	t    testing.TB
	root string
	cfg  watcher.Config
	j    *journal.Journal
	w    *watcher.Watcher
	stop func()

	armed   func(dir string) // see whenAt
	release func()           // the watcher hears nothing until it is called; nil: it hears
	aside   []string         // paths that settle does not compare
	quiet   time.Duration    // see Distrust; zero: as for everybody
	handles map[string]*handle
	faults  *faultyFS // of a tree on fuse
}

func newRig(t testing.TB, change ...func(*watcher.Config)) *rig {
	t.Helper()
	return newRigOn(t, "", change...)
}

// newRigOn is newRig with the tree on a file system of its own; "" is where the journal is.
func newRigOn(t testing.TB, on fileSystem, change ...func(*watcher.Config)) *rig {
	t.Helper()
	base := t.TempDir()
	j, err := journal.Open(journal.Config{Path: filepath.Join(inMemory(t), "journal.db"), Role: journal.Capitol})
	mustNot(t, err)
	t.Cleanup(func() { j.Close() })
	r := &rig{t: t, root: filepath.Join(base, "tree"), j: j}
	mustNot(t, os.Mkdir(r.root, 0o755))
	switch on {
	case "":
	case fuse:
		r.serveFuse()
	default:
		on.mountAt(t, r.root)
		mustNot(t, os.Chmod(r.root, 0o755))
	}
	r.cfg = watcher.Config{Root: r.root, Journal: j}
	r.cfg.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	for _, c := range change {
		c(&r.cfg)
	}
	t.Cleanup(func() { r.letHear(); r.halt(); r.letGo() })
	return r
}

// start runs a watcher and waits until it is ready.
func (r *rig) start() {
	r.t.Helper()
	r.begin()
	select {
	case <-r.w.Ready():
	case <-time.After(60 * time.Second):
		r.t.Fatal("not ready after 60 s")
	}
}

// begin runs a watcher.
func (r *rig) begin() {
	r.t.Helper()
	w, err := watcher.New(r.cfg)
	mustNot(r.t, err)
	if r.armed != nil {
		w.OnWatch(r.armed)
	}
	if r.quiet > 0 {
		w.Distrust(r.quiet)
	}
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

// letHear ends a hold.
func (r *rig) letHear() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// settle waits until the journal says what the disk shows and nothing is dirty.
func (r *rig) settle() {
	r.t.Helper()
	r.letHear()
	r.until("journal equals disk", func() string {
		got, _, err := inJournal(context.Background(), r.j)
		if err != nil {
			return err.Error()
		}
		want, err := onDisk(r.root, r.aside...)
		if err != nil {
			return err.Error()
		}
		if d := got.without(r.aside).diff(want.without(r.aside)); d != "" {
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
	deadline := time.Now().Add(patienceOfTests)
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

// inMemory is a directory whose flushes cost nothing, if there is one: what waits for a
// disk here is of no interest.
func inMemory(t testing.TB) string {
	const shm = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(shm, &fs) != nil || fs.Type != unix.TMPFS_MAGIC || fs.Bavail*uint64(fs.Bsize) < 1<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "watcher-")
	mustNot(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *rig) path(rel string) string { return filepath.Join(r.root, rel) }

func (r *rig) row(rel string) journal.Stored {
	r.t.Helper()
	row, err := r.j.Resolve(context.Background(), rel)
	mustNot(r.t, err)
	return row
}

// patienceOfTests is how long a state is waited for before it will never come.
var patienceOfTests = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("WATCHER_PATIENCE")); err == nil {
		return d
	}
	return time.Minute
}()
