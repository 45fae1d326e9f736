package trials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// mounted puts an empty file system where path is.
func mounted(t *testing.T, path string) {
	t.Helper()
	stand.NeedsRoot(t)
	if err := unix.Mount("none", path, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
}

func remount(t *testing.T, path string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("none", path, "", unix.MS_REMOUNT|flags, ""); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyDestinationIsRefused(t *testing.T) {
	r := newRig(t)
	mounted(t, r.dst)
	fill(t, r.src, 10, 10)
	remount(t, r.dst, unix.MS_RDONLY)
	out, code := stand.Run(t, "mirror", r.src, r.dst, "--state", r.state, "--once")
	if code != 2 || !strings.Contains(out, "read-only") || !strings.Contains(out, "hint: ") {
		t.Errorf("exit code %d, it printed:\n%s", code, out)
	}
	if names, err := os.ReadDir(r.dst); err != nil || len(names) > 0 {
		t.Errorf("the destination was touched: %v, %v", names, err)
	}
}

func TestTheSourceUnderAnotherNameIsNoDestination(t *testing.T) {
	stand.NeedsRoot(t)
	r := newRig(t)
	fill(t, r.src, 10, 10)
	if err := os.Mkdir(filepath.Join(r.src, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{r.src: "same directory", filepath.Join(r.src, "inner"): "inside the source"} {
		if err := unix.Mount(from, r.dst, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("mount: %v", err)
		}
		out, code := stand.Run(t, "mirror", r.src, r.dst, "--state", r.state, "--once")
		if err := unix.Unmount(r.dst, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
		if code != 2 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, it printed:\n%s", from, code, out)
		}
	}
}
