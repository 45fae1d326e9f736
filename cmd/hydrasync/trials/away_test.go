package trials

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// fill makes n files of size bytes that differ from each other.
func fill(t *testing.T, root string, n, size int) {
	t.Helper()
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("dir%02d", i%20))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat(fmt.Sprintf("%06d ", i*7919), size/7+1)[:size]
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%05d", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// random fills a file with bytes that do not compress.
func random(t *testing.T, path string, size int) {
	t.Helper()
	b := make([]byte, size)
	f, err := os.Open("/dev/urandom")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// settled starts a rig on a filled tree and waits until it is equal.
func settled(t *testing.T, files, size int) *rig {
	t.Helper()
	r := newRig(t)
	fill(t, r.src, files, size)
	random(t, filepath.Join(r.src, "big"), 3<<20)
	r.start(t)
	r.mustBecomeEqual(t)
	return r
}

func (r *rig) sent(t *testing.T, limit int64, what string) {
	t.Helper()
	if got := r.proxy.down.Load(); got > limit {
		t.Errorf("%s cost %d bytes from the capitol, want at most %d", what, got, limit)
	}
	r.proxy.down.Store(0)
}

func TestCityThatWasAwayGetsOnlyWhatChanged(t *testing.T) {
	r := settled(t, 2000, 500)
	r.city.Stop(t)
	r.proxy.down.Store(0)
	for i := range 20 {
		os.WriteFile(filepath.Join(r.src, "dir03", fmt.Sprint("new", i)), []byte(strings.Repeat("x", 1000)), 0o644)
	}
	os.Rename(filepath.Join(r.src, "dir05"), filepath.Join(r.src, "renamed"))
	os.Rename(filepath.Join(r.src, "big"), filepath.Join(r.src, "renamed", "big"))
	os.RemoveAll(filepath.Join(r.src, "dir07"))
	r.city.Again(t)
	r.mustBecomeEqual(t)
	r.sent(t, 100_000, "catching up")
}

func TestCityWithoutItsJournalAdoptsWhatIsThere(t *testing.T) {
	r := settled(t, 2000, 3000)
	r.city.Stop(t)
	if err := os.RemoveAll(filepath.Join(r.dst, ".hydrasync")); err != nil {
		t.Fatal(err)
	}
	r.proxy.down.Store(0)
	r.city.Again(t)
	r.city.SaysTimes(t, "in step", 2)
	r.mustBecomeEqual(t)
	r.sent(t, 600_000, "adopting") // the entries, not the 9 MB
}

func TestCapitolWithoutItsJournalIsNoticedAndCompared(t *testing.T) {
	r := settled(t, 2000, 3000)
	r.capitol.Kill()
	if err := os.RemoveAll(r.state); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(r.src, "meanwhile"), []byte("x"), 0o644)
	os.RemoveAll(filepath.Join(r.src, "dir01"))
	r.proxy.down.Store(0)
	r.capitol.Again(t)
	r.mustBecomeEqual(t)
	r.sent(t, 600_000, "comparing")
}

func TestCapitolJournalRestoredFromAnOlderCopyIsNoticed(t *testing.T) {
	r := settled(t, 300, 3000)
	r.capitol.Stop(t)
	backup := filepath.Join(t.TempDir(), "state")
	copyTree(t, r.state, backup)
	r.capitol.Again(t)
	for i := range 30 {
		os.WriteFile(filepath.Join(r.src, fmt.Sprint("later", i)), []byte("later"), 0o644)
	}
	r.mustBecomeEqual(t)
	r.capitol.Kill()
	os.RemoveAll(r.state)
	copyTree(t, backup, r.state)
	for i := range 20 {
		os.Remove(filepath.Join(r.src, fmt.Sprint("later", i)))
		os.WriteFile(filepath.Join(r.src, fmt.Sprint("other", i)), []byte("other"), 0o644)
	}
	r.capitol.Again(t)
	r.mustBecomeEqual(t)
	if strings.Count(r.capitol.Printed(), "full comparison") < 2 {
		t.Errorf("nobody said that the trees were compared; the capitol printed:\n%s", r.capitol.Tail())
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestUnmountedSourceDeletesNothing(t *testing.T) {
	stand.NeedsRoot(t)
	r := newRig(t)
	if err := unix.Mount("none", r.src, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(r.src, unix.MNT_DETACH) })
	fill(t, r.src, 500, 100)
	r.start(t)
	r.mustBecomeEqual(t)
	before := count(t, r.dst)
	if err := unix.Unmount(r.src, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	r.reconcile()
	out := waitStatus(t, r, "lost")
	if after := count(t, r.dst); after != before {
		t.Errorf("%d paths were left of %d; status says %s", after, before, out)
	}
	r.capitol.Kill()
	r.capitol.Again(t) // it starts on the empty directory beneath
	waitStatus(t, r, "lost")
	if after := count(t, r.dst); after != before {
		t.Errorf("after a restart %d paths were left of %d", after, before)
	}
}

func count(t *testing.T, root string) (n int) {
	t.Helper()
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == ".hydrasync" {
			return filepath.SkipDir
		}
		n++
		return nil
	})
	return n
}

// reconcile asks the capitol for one, as a person would.
func (r *rig) reconcile() { r.capitol.Signal(unix.SIGUSR1) }

// waitStatus waits until the capitol's status has a word.
func waitStatus(t *testing.T, r *rig, word string) (out string) {
	t.Helper()
	stand.Await(t, fmt.Sprintf("status says %q", word), func() string {
		if out, _ = stand.Run(t, "status", "--state", r.state, "--json"); strings.Contains(out, word) {
			return ""
		}
		return out
	}, r.capitol)
	return out
}

func TestMovedDirectoryCostsNoContentAndOneEntry(t *testing.T) {
	r := settled(t, 1000, 3000)
	r.proxy.down.Store(0)
	os.Rename(filepath.Join(r.src, "dir00"), filepath.Join(r.src, "dir01", "moved"))
	r.mustBecomeEqual(t)
	r.sent(t, 5_000, "moving a directory")
}
