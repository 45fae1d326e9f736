package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// place is a folder on some file system.
type place struct {
	name string
	dir  string
}

// here is the file system of the temporary folder, whichever it is.
const here = "here"

// mount makes a file system in a file and gives its folder.
func mount(t *testing.T, kind string) place {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	tool := map[string][]string{"ext4": {"mkfs.ext4", "-q", "-F"}, "xfs": {"mkfs.xfs", "-q", "-f"}, "btrfs": {"mkfs.btrfs", "-q", "-f"}}[kind]
	if tool == nil {
		t.Fatalf("no file system is called %q", kind)
	}
	if _, err := exec.LookPath(tool[0]); err != nil {
		t.Skipf("needs %s", tool[0])
	}
	dir := t.TempDir()
	image := imageFile(t, dir, kind)
	if err := os.Truncate(image, 1<<30); err != nil {
		t.Fatal(err)
	}
	command(t, tool[0], append(tool[1:], image)...)
	p := place{kind, filepath.Join(dir, "mnt")}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", "-o", "loop", image, p.dir)
	t.Cleanup(func() { command(t, "umount", p.dir) })
	return p
}

// imageFile lies in memory where it can: what a kill leaves does not depend on the
// disk beneath, and its flushes take time.
func imageFile(t *testing.T, dir, kind string) string {
	t.Helper()
	f, err := os.CreateTemp("/dev/shm", "hydrasync-crash-"+kind+"-")
	if err != nil {
		f, err = os.Create(filepath.Join(dir, "image"))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	t.Cleanup(func() { os.Remove(f.Name()) })
	return f.Name()
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
