package applier_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// mustRun runs a program, for mounts and the like.
func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Skipf("%s %q: %v %s", name, args, err, out)
	}
}

func TestAFullDiskStopsTheSetAndItResumes(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	mustRun(t, "mount", "-t", "tmpfs", "-o", "size=4m", "none", dir)
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	a := city(t, dir)
	t.Cleanup(func() { a.Close() })
	c := newCapitol()
	f := c.file(journal.Root, "f", "old")
	mustApply(t, a, c.set(), c)
	mustWrite(t, filepath.Join(dir, "filler"), strings.Repeat("x", 2<<20))
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	c.write(f, string(noise))
	set := c.set()
	if err := a.Apply(t.Context(), set, c); !errors.Is(err, applier.ErrNoSpace) {
		t.Fatalf("Apply said %v", err)
	}
	if st, _ := a.Status(t.Context()); st.State != "no space" || !fileIs(dir, "f", "old") {
		t.Errorf("state %q", st.State)
	}
	if names := tree(filepath.Join(dir, applier.StateName, "staging")); len(names) > 0 {
		t.Errorf("staging has %q", names)
	}
	os.Remove(filepath.Join(dir, "filler"))
	mustApply(t, a, set, c)
	c.equal(t, dir)
}

func TestAReadOnlyFileSystemIsSaid(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	mustRun(t, "mount", "-t", "tmpfs", "none", dir)
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	a := city(t, dir)
	c := newCapitol()
	f := c.file(journal.Root, "f", "old")
	mustApply(t, a, c.set(), c)
	c.write(f, "new")
	c.inline = 0
	a.Close()
	mustRun(t, "mount", "-o", "remount,ro", dir)
	_, err := applier.Open(applier.Config{Root: dir})
	var hint interface{ Hint() string }
	if !errors.Is(err, unix.EROFS) || !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("Open said %v", err)
	}
}

func TestAnImmutableFileBlocksOnlyItself(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	a := city(t, dir)
	c := newCapitol()
	f, g := c.file(journal.Root, "f", "old"), c.file(journal.Root, "g", "old")
	mustApply(t, a, c.set(), c)
	mustRun(t, "chattr", "+i", filepath.Join(dir, "f"))
	t.Cleanup(func() { exec.Command("chattr", "-i", filepath.Join(dir, "f")).Run() })
	c.write(f, "new")
	c.write(g, "new")
	mustApply(t, a, c.set(), c)
	st, _ := a.Status(t.Context())
	if !fileIs(dir, "g", "new") || !fileIs(dir, "f", "old") || len(st.Failed) != 1 || st.Failed[0].Errno == "" {
		t.Errorf("status %+v", st)
	}
	mustRun(t, "chattr", "-i", filepath.Join(dir, "f"))
	mustApply(t, a, c.full(), c)
	c.equal(t, dir)
	healthy(t, a, dir)
}

func TestALostDestinationIsNotMadeAnew(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dest")
	a := city(t, dir)
	c := newCapitol()
	mustApply(t, a, c.set(), c)
	os.Rename(dir, dir+".away")
	c.file(journal.Root, "f", "x")
	set := c.set()
	var lost *applier.RootError
	if err := a.Apply(t.Context(), set, c); !errors.As(err, &lost) {
		t.Fatalf("Apply said %v", err)
	}
	os.Mkdir(dir, 0o755) // another directory under the name: an empty mount point, say
	if err := a.Apply(t.Context(), set, c); !errors.As(err, &lost) || len(tree(dir)) > 0 {
		t.Fatalf("Apply said %v", err)
	}
	os.Remove(dir)
	os.Rename(dir+".away", dir)
	mustApply(t, a, set, c)
	c.equal(t, dir)
}

func TestOpenRefusesWhatIsNotADestination(t *testing.T) {
	base := t.TempDir()
	mustWrite(t, filepath.Join(base, "file"), "x")
	os.Mkdir(filepath.Join(base, "linked"), 0o755)
	os.Symlink(base, filepath.Join(base, "linked", applier.StateName))
	for _, name := range []string{"file", "no/such", "linked"} {
		_, err := applier.Open(applier.Config{Root: filepath.Join(base, name)})
		var re *applier.RootError
		if !errors.As(err, &re) || re.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := city(t, filepath.Join(base, "good"))
	_, err := applier.Open(applier.Config{Root: filepath.Join(base, "good")})
	var used *journal.InUseError
	if !errors.As(err, &used) {
		t.Errorf("second opener: %v", err)
	}
	a.Close()
	if err := a.Apply(t.Context(), applier.Set{}, nil); !errors.Is(err, applier.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
