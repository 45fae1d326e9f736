package watcher_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
	"golang.org/x/sys/unix"
)

func rootOnly(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// notes are the kinds of all notes so far, in order.
func (r *rig) notes() string { return r.notesAfter(0) }

func (r *rig) notesAfter(head journal.Seq) string {
	r.t.Helper()
	all, err := r.j.Entries(context.Background(), head, 100_000)
	mustNot(r.t, err)
	var kinds []string
	for _, e := range all {
		if e.Note != nil {
			kinds = append(kinds, e.Note.Kind.String())
		}
	}
	return strings.Join(kinds, ", ")
}

func (r *rig) state(want watcher.State) {
	r.t.Helper()
	r.until("state "+string(want), func() string {
		if s := r.w.Status(); s.State != want {
			return fmt.Sprintf("state %s: %s", s.State, s.Why)
		}
		return ""
	})
}

func (r *rig) noDeletes(head journal.Seq) {
	r.t.Helper()
	all, err := r.j.Entries(context.Background(), head, 100_000)
	mustNot(r.t, err)
	for _, e := range all {
		if e.Change.Gone {
			r.t.Errorf("%q was deleted", e.Path)
		}
	}
}

// atRest waits until nothing is due any more: also a deletion has had its window.
func (r *rig) atRest() {
	r.t.Helper()
	r.until("nothing is dirty", func() string {
		if r.w.Status().Waiting > 0 {
			return "something waits"
		}
		return ""
	})
}

func TestW01OverflowIsNotedAndRepaired(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("a"), nil, 0o644))
	mustNot(t, os.WriteFile(r.path("b"), nil, 0o644))
	mustNot(t, os.Mkdir(r.path("d"), 0o755))
	r.start()
	release := r.w.Hold()
	for i := range 50_000 { // the kernel's queue and ours; alternating, because it merges equal events
		mustNot(t, os.Chmod(r.path("a"), os.FileMode(0o600+i%2)))
		mustNot(t, os.Chmod(r.path("b"), os.FileMode(0o600+i%2)))
	}
	mustNot(t, os.MkdirAll(r.path("d/e/f"), 0o755))
	mustNot(t, os.WriteFile(r.path("d/e/f/late"), []byte("text"), 0o644))
	release()
	r.settle()
	r.until("a reconcile is noted", func() string {
		if got := r.notes(); got != "overflow, reconciled" {
			return "notes: " + got
		}
		return ""
	})
	if n := r.w.Status().Overflows; n == 0 {
		t.Error("no overflow was counted: the test made too few events")
	}
	r.probe()
}

func TestW09MountInsideIsUnavailableNotDeleted(t *testing.T) {
	rootOnly(t)
	r := newRig(t)
	mustNot(t, r.do([]string{"mkdir", "d/sub"}))
	mustNot(t, r.do([]string{"write", "d/sub/f", "text"}))
	r.start()
	r.settle()
	release := r.w.Hold()
	mustNot(t, r.do([]string{"chmod", "600", "d/sub/f"})) // the event is read when d/sub is no longer there
	mustNot(t, unix.Mount("tmpfs", r.path("d"), "tmpfs", 0, "size=1m"))
	defer unix.Unmount(r.path("d"), unix.MNT_DETACH)
	mustNot(t, os.Mkdir(r.path("d/sub"), 0o755))
	release()
	head := r.j.Position().Seq
	mustNot(t, os.WriteFile(r.path("d/other"), nil, 0o644))
	r.atRest()
	mustNot(t, r.w.Reconcile(t.Context()))
	r.noDeletes(head)
	if s := r.w.Status(); s.ProblemsAll == 0 || s.Problems[0].Path != "d" {
		t.Errorf("problems %+v, want one about d", s.Problems)
	}
	mustNot(t, unix.Unmount(r.path("d"), 0))
	mustNot(t, r.w.Reconcile(t.Context()))
	r.settle()
	if s := r.w.Status(); s.ProblemsAll != 0 {
		t.Errorf("problems %+v, want none", s.Problems)
	}
}

func TestW10UnmountedRootDeletesNothing(t *testing.T) {
	rootOnly(t)
	r := newRig(t)
	store := filepath.Dir(r.root) + "/store"
	mustNot(t, os.Mkdir(store, 0o755))
	mustNot(t, os.WriteFile(store+"/f", []byte("text"), 0o644))
	mount := func() { mustNot(t, unix.Mount(store, r.root, "", unix.MS_BIND, "")) }
	mount()
	defer unix.Unmount(r.root, unix.MNT_DETACH)
	r.start()
	r.settle()
	head := r.j.Position().Seq
	mustNot(t, unix.Unmount(r.root, unix.MNT_DETACH))
	r.state(watcher.SourceLost)
	mustNot(t, os.WriteFile(store+"/g", []byte("meanwhile"), 0o644))
	r.noDeletes(head)
	mount()
	r.state(watcher.Live)
	r.settle()
	r.noDeletes(head)
	if got := r.notes(); got != "source lost, source back, reconciled" {
		t.Errorf("notes: %s", got)
	}
	r.probe()
}

func TestW10EmptyRootAtStartIsNotBelieved(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("f"), []byte("text"), 0o644))
	r.start()
	r.settle()
	r.halt()
	mustNot(t, os.Remove(r.path("f")))
	head := r.j.Position().Seq
	r.begin()
	r.state(watcher.SourceLost)
	r.noDeletes(head)
	r.halt()

	r.cfg.AcceptEmpty = true
	r.start()
	r.settle()
}

func TestW10RootMovedAwayAndBack(t *testing.T) {
	r := newRig(t)
	mustNot(t, r.do([]string{"mkdir", "d"}))
	mustNot(t, r.do([]string{"write", "d/f", "text"}))
	r.start()
	r.settle()
	head := r.j.Position().Seq
	mustNot(t, os.Rename(r.root, r.root+".away"))
	r.state(watcher.SourceLost)
	mustNot(t, os.WriteFile(r.root+".away/d/g", []byte("meanwhile"), 0o644))
	mustNot(t, os.Rename(r.root+".away", r.root))
	r.state(watcher.Live)
	r.settle()
	r.noDeletes(head)
	r.probe()
}

func TestEverythingRemovedWhileRunningIsReal(t *testing.T) {
	r := newRig(t)
	mustNot(t, r.do([]string{"mkdir", "d"}))
	mustNot(t, r.do([]string{"write", "d/f", "text"}))
	r.start()
	r.settle()
	mustNot(t, os.RemoveAll(r.path("d")))
	r.settle()
}

func TestW21WatchLimit(t *testing.T) {
	const limit = 5
	if os.Getenv("WATCHER_LIMITED") == "" {
		runLimited(t, fmt.Sprintf("max_inotify_watches=%d", limit))
		return
	}
	r := newRig(t)
	for i := range 8 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%d/sub", i)), 0o755))
	}
	r.start()
	r.settle()
	s := r.w.Status()
	if s.State != watcher.PartiallyWatched || s.Watches != limit || s.UnwatchedAll != 17-limit || !strings.Contains(s.Hint, "sysctl") {
		t.Errorf("status %+v", s)
	}
	if got := r.notes(); got != "unwatched" {
		t.Errorf("notes: %s", got)
	}
	r.probe() // found by polling
}

// runLimited runs a test again in a user namespace with a lower limit.
func runLimited(t *testing.T, limit string) {
	t.Helper()
	name, value, _ := strings.Cut(limit, "=")
	inner := again(t)
	cmd := exec.Command("/bin/sh", append([]string{"-c", "echo " + value + " > /proc/sys/user/" + name + " && exec \"$@\"", "sh"}, inner.Args...)...)
	cmd.Env = append(inner.Env, "WATCHER_LIMITED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	inUserNamespace(cmd.SysProcAttr)
	finish(t, cmd)
}

// Every version of the file is one letter from end to end, so a digest of anything
// else is of a mixture. Max-wait is not reached here: beyond it a writer that stands still in the
// middle of a write cannot be told from one that is done.
func TestW17TornReadsAreNotBelieved(t *testing.T) {
	const size = 4 << 20
	// A file that is open is not believed for being quiet: a write may take its time here.
	r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = 5*time.Second, 60*time.Second })
	whole := map[journal.Digest]bool{}
	versions := make([][]byte, 8)
	for i := range versions {
		versions[i] = bytes.Repeat([]byte{byte('a' + i)}, size)
		whole[sha256.Sum256(versions[i])] = true
	}
	mustNot(t, os.WriteFile(r.path("f"), versions[0], 0o644))
	r.start()
	for until, i := time.Now().Add(1500*time.Millisecond), 0; time.Now().Before(until); i++ {
		mustNot(t, openAnd(r.path("f"), 0, func(f *os.File) error { _, err := f.WriteAt(versions[i%8], 0); return err }))
	}
	r.settle()
	all, err := r.j.Entries(t.Context(), 0, 100_000)
	mustNot(t, err)
	for _, e := range all {
		if e.Change.Node.Kind == journal.File && !whole[e.Change.Node.Body.Digest] {
			t.Errorf("entry %d has a mixture of two versions", e.Seq)
		}
	}
}

func TestW24SymlinkSwappedInIsNeverFollowed(t *testing.T) {
	r := newRig(t)
	canary := filepath.Dir(r.root) + "/canary"
	mustNot(t, os.MkdirAll(canary+"/sub", 0o755))
	mustNot(t, os.WriteFile(canary+"/sub/f", []byte("secret"), 0o644))
	mustNot(t, r.do([]string{"mkdir", "d/sub"})) // a link further up is another question than the last name
	mustNot(t, r.do([]string{"write", "d/sub/f", "public"}))
	mustNot(t, os.Symlink(canary, r.path("l")))
	r.start()
	r.settle()
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		mustNot(t, unix.Renameat2(unix.AT_FDCWD, r.path("d"), unix.AT_FDCWD, r.path("l"), unix.RENAME_EXCHANGE))
		os.WriteFile(r.path("d/sub/f"), []byte("public"), 0o644) // may go through the link; the canary's text is put back below
		mustNot(t, os.WriteFile(canary+"/sub/f", []byte("secret"), 0o644))
	}
	r.settle()
	all, err := r.j.Entries(t.Context(), 0, 100_000)
	mustNot(t, err)
	for _, e := range all {
		if e.Change.Node.Body.Size == int64(len("secret")) && strings.HasPrefix(e.Change.Node.Body.Digest.String(), "2bb80d53") {
			t.Fatalf("entry %d has the canary's bytes", e.Seq)
		}
	}
}

func TestW27UnreadableIsListedNotDeleted(t *testing.T) {
	rootOnly(t)
	r := newRig(t)
	mustNot(t, r.do([]string{"mkdir", "d"}))
	mustNot(t, r.do([]string{"write", "d/f", "text"}))
	mustNot(t, r.do([]string{"write", "g", "text"}))
	r.start()
	r.settle()
	head := r.j.Position().Seq
	mustNot(t, os.WriteFile(r.path("g"), []byte("other"), 0o000))
	mustNot(t, os.Chmod(r.path("g"), 0o000))
	mustNot(t, os.Chmod(r.path("d"), 0o000))
	r.settle()
	asNobody(t, func() {
		mustNot(t, os.Chtimes(r.path("g"), time.Now(), time.Now()))
		mustNot(t, r.w.Reconcile(t.Context()))
	})
	r.noDeletes(head)
	if s := r.w.Status(); s.ProblemsAll < 1 || s.Problems[0].Path != "d" {
		t.Errorf("problems %+v, want d", s.Problems)
	}
	mustNot(t, os.Chmod(r.path("d"), 0o755))
	mustNot(t, os.Chmod(r.path("g"), 0o644))
	mustNot(t, r.w.Reconcile(t.Context()))
	r.settle()
	if s := r.w.Status(); s.ProblemsAll != 0 {
		t.Errorf("problems %+v, want none", s.Problems)
	}
}

// A directory that may be listed and not entered shows names of which nothing can be said.
func TestW27UnsearchableDeletesNothing(t *testing.T) {
	rootOnly(t)
	r := newRig(t)
	mustNot(t, r.do([]string{"mkdir", "d"}))
	mustNot(t, r.do([]string{"write", "d/f", "text"}))
	r.start()
	r.settle()
	mustNot(t, os.Chmod(r.path("d"), 0o444))
	r.settle()
	head := r.j.Position().Seq
	asNobody(t, func() {
		mustNot(t, r.w.Reconcile(t.Context()))
		r.atRest()
	})
	r.noDeletes(head)
	if s := r.w.Status(); s.ProblemsAll < 1 || s.Problems[0].Path != "d/f" {
		t.Errorf("problems %+v, want d/f", s.Problems)
	}
	mustNot(t, os.Chmod(r.path("d"), 0o755))
	mustNot(t, r.w.Reconcile(t.Context()))
	r.settle()
}

// asNobody takes the power to read everything from the whole process.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	mustNot(t, filepath.WalkDir(filepath.Dir(t.TempDir()), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 65534, 65534)
	}))
	mustNot(t, syscall.Setresuid(-1, 65534, -1))
	defer func() { mustNot(t, syscall.Setresuid(-1, 0, -1)) }()
	do()
}

func TestW28PathsBeyondTheKernelsLimit(t *testing.T) {
	r := newRig(t)
	name := strings.Repeat("n", 250)
	deep := strings.TrimSuffix(strings.Repeat(name+"/", 20), "/")
	fd := openDeep(t, r.root, name, 20)
	defer unix.Close(fd)
	r.start()
	writeAt(t, fd, "f", "one")
	has := func(path, want string) func() string {
		return func() string {
			row, err := r.j.Resolve(context.Background(), path)
			if err != nil {
				return "no row"
			}
			if row.Node.Body.Size != int64(len(want)) {
				return fmt.Sprintf("%d bytes", row.Node.Body.Size)
			}
			return ""
		}
	}
	r.until("the file at the bottom arrives", has(deep+"/f", "one"))
	writeAt(t, fd, "f", "three")
	r.until("its change arrives", has(deep+"/f", "three"))
	if s := r.w.Status(); s.UnwatchedAll == 0 || s.ProblemsAll != 0 {
		t.Errorf("status %+v", s)
	}
	r.halt()
	removeDeep(t, r.root, name, 20)
}

func openDeep(t *testing.T, root, name string, levels int) int {
	t.Helper()
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	mustNot(t, err)
	for range levels {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil && err != unix.EEXIST {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		mustNot(t, err)
		unix.Close(fd)
		fd = next
	}
	return fd
}

func removeDeep(t *testing.T, root, name string, levels int) {
	t.Helper()
	for level := levels; level > 0; level-- {
		fd := openDeep(t, root, name, level-1)
		if inner, err := unix.Openat(fd, name, unix.O_RDONLY, 0); err == nil {
			unix.Unlinkat(inner, "f", 0)
			unix.Close(inner)
		}
		mustNot(t, unix.Unlinkat(fd, name, unix.AT_REMOVEDIR))
		unix.Close(fd)
	}
}

func writeAt(t *testing.T, dirfd int, name, text string) {
	t.Helper()
	fd, err := unix.Openat(dirfd, name, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY, 0o644)
	mustNot(t, err)
	_, err = unix.Write(fd, []byte(text))
	mustNot(t, err)
	mustNot(t, unix.Close(fd))
}

func TestW34EndlessWritingIsAppendedAtMaxWait(t *testing.T) {
	r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = 50*time.Millisecond, 200*time.Millisecond })
	r.start()
	f, err := os.Create(r.path("f"))
	mustNot(t, err)
	defer f.Close()
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			f.WriteAt([]byte(fmt.Sprint("round ", i)), 0)
			time.Sleep(time.Millisecond)
		}
	}()
	r.until("an entry while it is written", func() string {
		_, err := r.j.Resolve(context.Background(), "f")
		if err != nil {
			return err.Error()
		}
		return ""
	})
	stop.Store(true)
	<-done
	mustNot(t, f.Close())
	r.settle()
}

func TestW35NewIgnoreRulesDeleteNothing(t *testing.T) {
	r := newRig(t, func(c *watcher.Config) { c.Ignore = []string{"*.tmp"} })
	for _, path := range []string{"a.tmp", "a.log", "d/b.log", "d/c"} {
		mustNot(t, os.MkdirAll(filepath.Dir(r.path(path)), 0o755))
		mustNot(t, os.WriteFile(r.path(path), []byte("text"), 0o644))
	}
	r.start()
	if _, err := r.j.Resolve(t.Context(), "a.tmp"); err == nil {
		t.Error("a.tmp is in the journal")
	}
	head := r.j.Position().Seq
	mustNot(t, os.WriteFile(r.path(".hydraignore"), []byte("*.log\n"), 0o644))
	r.until("the rules count", func() string {
		if !r.w.Explain("a.log", false).Ignored {
			return "a.log is not ignored"
		}
		return ""
	})
	mustNot(t, os.WriteFile(r.path("a.log"), []byte("other"), 0o644))
	mustNot(t, os.Remove(r.path("d/b.log")))
	mustNot(t, r.w.Reconcile(t.Context()))
	r.atRest()
	r.noDeletes(head)
	if row := r.row("a.log"); row.Node.Body.Size != 4 {
		t.Errorf("a.log changed although it is ignored now")
	}
	mustNot(t, os.Remove(r.path(".hydraignore")))
	r.until("the rules count no more", func() string {
		if row := r.row("a.log"); row.Node.Body.Size != 5 {
			return "a.log is as it was"
		}
		return ""
	})
}
