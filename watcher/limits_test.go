package watcher_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
	"golang.org/x/sys/unix"
)

// limited says that this process has a limit of its own; where it has not, the
// test is run again in one that has.
func limited(t *testing.T, limit string, value int) bool {
	t.Helper()
	if os.Getenv("WATCHER_LIMITED") != "" {
		return true
	}
	runLimited(t, fmt.Sprintf("%s=%d", limit, value))
	return false
}

func TestW21WatchLimitIsReachedWhileRunningAndLeftAgain(t *testing.T) {
	const limit = 5
	if !limited(t, "max_inotify_watches", limit) {
		return
	}
	r := newRig(t)
	mustNot(t, os.Mkdir(r.path("stays"), 0o755))
	r.start()
	r.settle()
	if s := r.w.Status(); s.State != watcher.Live || s.Watches != 2 {
		t.Fatalf("status %+v", s)
	}
	for i := range 6 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%d/sub", i)), 0o755))
		mustNot(t, os.WriteFile(r.path(fmt.Sprintf("d%d/sub/f", i)), []byte("text"), 0o644))
	}
	r.settle()
	r.state(watcher.PartiallyWatched)
	if s := r.w.Status(); s.Watches != limit || s.UnwatchedAll != 14-limit || len(s.Unwatched) != s.UnwatchedAll || !strings.Contains(s.Hint, "sysctl fs.inotify.max_user_watches") {
		t.Errorf("status %+v", s)
	}
	r.probe() // what is not watched is polled
	for i := range 6 {
		mustNot(t, os.RemoveAll(r.path(fmt.Sprintf("d%d", i))))
	}
	r.settle()
	mustNot(t, r.w.Reconcile(t.Context()))
	r.state(watcher.Live)
	r.until("the end is noted", func() string {
		if got := r.notes(); got != "unwatched, reconciled" {
			return got
		}
		return ""
	})
	mustNot(t, os.MkdirAll(r.path("again/sub"), 0o755))
	r.settle()
	if s := r.w.Status(); s.UnwatchedAll != 0 || s.Watches != 4 {
		t.Errorf("status %+v", s)
	}
}

func TestW22NoInotifyInstanceIsAClearError(t *testing.T) {
	if !limited(t, "max_inotify_instances", 0) {
		return
	}
	r := newRig(t)
	w, err := watcher.New(r.cfg)
	mustNot(t, err)
	err = w.Run(t.Context())
	var bad *watcher.RootError
	if !errors.As(err, &bad) || !errors.Is(err, unix.EMFILE) || !strings.Contains(bad.Hint(), "max_user_instances") {
		t.Errorf("%v, want what to type", err)
	}
}

// Without a descriptor to be had, nothing can be looked at: nothing is believed to
// be gone, and all of it is caught up with afterwards.
func TestW22NoDescriptorsForAWhile(t *testing.T) {
	if os.Getenv("WATCHER_LIMITED") == "" {
		cmd := again(t)
		cmd.Env = append(cmd.Env, "WATCHER_LIMITED=1")
		finish(t, cmd)
		return
	}
	r := newRig(t)
	for i := range 20 {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%d/sub", i)), 0o755))
		mustNot(t, os.WriteFile(r.path(fmt.Sprintf("d%d/sub/f", i)), []byte("text"), 0o644))
	}
	r.start()
	r.settle()
	head := r.j.Position().Seq
	var was unix.Rlimit
	mustNot(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	none := was
	none.Cur = 3
	mustNot(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, (*syscall.Rlimit)(&none)))
	for i := range 10 {
		mustNot(t, unix.Rename(r.path(fmt.Sprintf("d%d/sub/f", i)), r.path(fmt.Sprintf("d%d/g", i))))
		mustNot(t, unix.Mkdir(r.path(fmt.Sprintf("d%d/new", i)), 0o755))
	}
	failed := r.w.Reconcile(t.Context())
	problems := r.w.Status().ProblemsAll
	mustNot(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, (*syscall.Rlimit)(&was)))
	mustNot(t, failed)
	if problems == 0 {
		t.Error("no problem was named while nothing could be opened")
	}
	mustNot(t, r.w.Reconcile(t.Context()))
	r.settle()
	r.noDeletes(head)
	if s := r.w.Status(); s.ProblemsAll != 0 {
		t.Errorf("problems %+v, want none", s.Problems)
	}
	r.probe()
}

func TestW03TwoWhoRenameAtOnce(t *testing.T) {
	r := newRig(t)
	const each, rounds = 10, 40
	for who := range 2 {
		for i := range each {
			mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("w%d/f%d-0", who, i)), 0o755))
			mustNot(t, os.WriteFile(r.path(fmt.Sprintf("w%d/f%d-0/in", who, i)), []byte(fmt.Sprint(who, i)), 0o644))
		}
	}
	mustNot(t, os.Mkdir(r.path("shared"), 0o755))
	r.start()
	r.settle()
	failed := make(chan error, 2)
	for who := range 2 {
		go func() {
			var err error
			for round := range rounds {
				for i := range each {
					dirs := []string{fmt.Sprint("w", who), "shared"}
					from := r.path(fmt.Sprintf("%s/f%d-%d", dirs[round%2], i+round%2*who*100, round))
					to := r.path(fmt.Sprintf("%s/f%d-%d", dirs[(round+1)%2], i+(round+1)%2*who*100, round+1))
					err = errors.Join(err, os.Rename(from, to))
				}
			}
			failed <- err
		}()
	}
	mustNot(t, errors.Join(<-failed, <-failed))
	r.settle()
	r.probe()
}

// In an image the times of birth can be written: as if the clock had been a day
// ahead, or far behind, when the files were made.
func TestW16BornWhenTheClockWasWrong(t *testing.T) {
	if !private(t) {
		return
	}
	r := newRig(t)
	image := newImage(t, 64, "mkfs.ext4", "-q", "-F")
	mountImage(t, image, r.root, "ext4")
	born := map[string]time.Time{"ahead": time.Now().Add(24 * time.Hour), "behind": time.Unix(1, 0), "now": time.Now()}
	for name := range born {
		mustNot(t, os.MkdirAll(r.path(name+"/sub"), 0o755))
		mustNot(t, os.WriteFile(r.path(name+"/sub/f"), []byte(name), 0o644))
		mustNot(t, os.WriteFile(r.path(name+"-f"), []byte(name), 0o644))
	}
	mustNot(t, unix.Unmount(r.root, 0))
	for name, at := range born {
		for _, path := range []string{name, name + "/sub", name + "/sub/f", name + "-f"} {
			for _, field := range []string{"crtime", "ctime", "mtime"} {
				mustRun(t, "debugfs", "-w", "-R", fmt.Sprintf("set_inode_field /%s %s @%d", path, field, at.Unix()), image)
			}
		}
	}
	mountImage(t, image, r.root, "ext4")
	defer unix.Unmount(r.root, unix.MNT_DETACH)
	r.start()
	r.settle()
	_, before, err := inJournal(t.Context(), r.j)
	mustNot(t, err)
	head := r.j.Position().Seq
	mustNot(t, os.WriteFile(r.path("first"), nil, 0o644)) // from then on there was a look
	r.settle()
	for name := range born {
		mustNot(t, os.Rename(r.path(name), r.path(name+"-moved")))
		mustNot(t, os.Rename(r.path(name+"-f"), r.path(name+"-f-moved")))
		mustNot(t, openAnd(r.path(name+"-moved/sub/f"), os.O_APPEND, func(f *os.File) error { _, err := f.WriteString("more"); return err }))
	}
	r.settle()
	r.noDeletes(head)
	for name := range born {
		for _, path := range []string{"", "/sub", "/sub/f"} {
			if was, now := before[name+path].Node.ID, r.row(name+"-moved"+path).Node.ID; was == 0 || was != now {
				t.Errorf("%s%s was node %d and is %d", name, path, was, now)
			}
		}
	}
}

// Where times have whole seconds, an event within the second of a write brings the second
// reading forward. That one proves nothing either: the next write in this second has the same times.
func TestW14AnEventWithinTheSecondProvesNothing(t *testing.T) {
	if !private(t) {
		return
	}
	r := newRigOn(t, ext4Old, func(c *watcher.Config) { c.Debounce = time.Millisecond })
	mustNot(t, os.WriteFile(r.path("f"), []byte("aaaa"), 0o644))
	r.start()
	for {
		r.settle()
		next := time.Now().Truncate(time.Second).Add(1150 * time.Millisecond)
		time.Sleep(time.Until(next)) // well after the beginning of a second, where times are fresh, and before its end
		hashed := r.w.Hashed()
		read := func(more int64) {
			r.until("it was read", func() string {
				if r.w.Hashed() < hashed+more {
					return "not yet"
				}
				return ""
			})
		}
		mustNot(t, os.WriteFile(r.path("f"), []byte("bbbb"), 0o644))
		r.until("it was appended", func() string {
			if r.row("f").Node.Body.Digest != sha256.Sum256([]byte("bbbb")) {
				return "not yet"
			}
			return ""
		})
		hashed = r.w.Hashed()
		mustNot(t, os.Chmod(r.path("f"), 0o644))
		read(1)
		mustNot(t, os.WriteFile(r.path("f"), []byte("cccc"), 0o644))
		if time.Now().Before(next.Truncate(time.Second).Add(time.Second)) {
			break // all of it was within one second
		}
		mustNot(t, os.WriteFile(r.path("f"), []byte("aaaa"), 0o644))
	}
	r.settle()
}

func TestW39DeepAndWide(t *testing.T) {
	deep, wide := 300, 2_000
	if campaign == long {
		deep, wide = 1000, 1_000_000
	}
	r := newRig(t)
	fd := openDeep(t, r.root, "d", deep)
	writeAt(t, fd, "f", "at the bottom")
	mustNot(t, unix.Close(fd))
	mustNot(t, os.Mkdir(r.path("wide"), 0o755))
	for i := range wide {
		mustNot(t, os.WriteFile(r.path(fmt.Sprint("wide/f", i)), nil, 0o644))
	}
	r.start()
	stats, err := r.j.Stats(t.Context())
	mustNot(t, err)
	if want := int64(1 + deep + 1 + 1 + wide); int64(stats.Nodes) != want {
		t.Errorf("%d nodes, want %d", stats.Nodes, want)
	}
	head := r.j.Position().Seq
	mustNot(t, r.w.Reconcile(t.Context()))
	if got := r.entries(head); len(got) != 0 {
		t.Errorf("%d entries of nothing new", len(got))
	}
	fd = openDeep(t, r.root, "d", deep)
	writeAt(t, fd, "g", "new at the bottom")
	mustNot(t, unix.Close(fd))
	bottom := strings.Repeat("d/", deep)
	r.until("what is at the bottom is heard", func() string {
		if _, err := r.j.Resolve(t.Context(), bottom+"g"); errors.Is(err, journal.ErrNotFound) {
			return "not there"
		}
		return ""
	})
	mustNot(t, os.Rename(r.path("wide"), r.path("d/wide")))
	mustNot(t, os.Rename(r.path("d"), r.path("e")))
	r.until("both moves", func() string {
		if _, err := r.j.Resolve(t.Context(), "e/wide/f7"); err != nil {
			return err.Error()
		}
		if stats, _ := r.j.Stats(t.Context()); int64(stats.Nodes) != int64(1+deep+2+1+wide) {
			return fmt.Sprintf("%d nodes", stats.Nodes)
		}
		return ""
	})
	r.halt()
}

// An operation that never returns holds up its own tree and no other; whoever asks is answered.
func TestW41AHungFileSystemHoldsUpNobodyElse(t *testing.T) {
	if !private(t) {
		return
	}
	hung, other := newRigOn(t, fuse), newRig(t)
	mustNot(t, hung.do([]string{"mkdir", "d"}))
	mustNot(t, hung.do([]string{"write", "d/f", "text"}))
	mustNot(t, other.do([]string{"write", "f", "text"}))
	hung.start()
	other.start()
	hung.settle()
	if s := hung.w.Status(); s.Remote != "fuse" {
		t.Errorf("remote %q", s.Remote)
	}
	hung.faults.hang("list d")
	defer hung.faults.wake("list d")
	mustNot(t, hung.do([]string{"write", "../behind/d/f", "another text"}))
	reconciled := make(chan error, 1)
	go func() { reconciled <- hung.w.Reconcile(t.Context()) }()
	hung.until("it hangs", func() string {
		if hung.faults.asked("list d") == 0 {
			return "nobody asked"
		}
		return ""
	})
	mustNot(t, other.do([]string{"write", "f", "another text"}))
	other.settle()
	mustNot(t, other.w.Reconcile(t.Context()))
	mustNot(t, hung.do([]string{"write", "g", "elsewhere in the tree"})) // a walker hangs, the looks do not
	hung.until("what can be looked at is", func() string {
		if _, err := hung.j.Resolve(t.Context(), "g"); err != nil {
			return err.Error()
		}
		return ""
	})
	hung.faults.wake("list d")
	mustNot(t, <-reconciled)
	hung.settle()
}
