package beneath_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"golang.org/x/sys/unix"
)

func mustOpen(t *testing.T, path string, walking bool) *beneath.Root {
	t.Helper()
	r, err := beneath.Open(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if walking {
		r.Walking()
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// eachWay runs a test with openat2 and without.
func eachWay(t *testing.T, test func(t *testing.T, walking bool)) {
	t.Run("openat2", func(t *testing.T) { test(t, false) })
	t.Run("component by component", func(t *testing.T) { test(t, true) })
}

func TestNoLinkIsFollowed(t *testing.T) {
	eachWay(t, func(t *testing.T, walking bool) {
		root, outside := t.TempDir(), t.TempDir()
		os.MkdirAll(filepath.Join(root, "real/in"), 0o755)
		os.Symlink(outside, filepath.Join(root, "out"))
		os.Symlink("real", filepath.Join(root, "inner"))
		os.Symlink("../../"+filepath.Base(outside), filepath.Join(root, "real/up"))
		r := mustOpen(t, root, walking)
		for _, path := range []string{"out", "inner", "inner/in", "real/up", "..", "real/../../x", "/", "/etc"} {
			if d, err := r.Dir(path); err == nil {
				d.Close()
				t.Errorf("Dir(%q) was opened", path)
			}
		}
		if d, err := r.Dir("real/in"); err != nil {
			t.Error(err)
		} else {
			d.Close()
		}
	})
}

func TestOnlySingleNamesAreTaken(t *testing.T) {
	top := mustOpen(t, t.TempDir(), false).Top()
	for _, name := range []string{"", ".", "..", "a/b", "/", "a\x00b", "../x"} {
		_, create := top.Create(name, 0o600)
		mode := uint32(0)
		if st, err := os.Stat("/"); name == "/" && err == nil { // should it ever be let through, it is the machine's
			mode = uint32(st.Mode().Perm())
		}
		for op, err := range map[string]error{
			"create": create, "mkdir": top.Mkdir(name, 0o700), "symlink": top.Symlink("t", name),
			"unlink": top.Unlink(name), "rename": top.Rename(name, top, "ok", beneath.Replace),
			"rename to": top.Rename("ok", top, name, beneath.Replace), "link": top.Link("ok", top, name), "chmod": top.Chmod(name, mode),
		} {
			if !errors.Is(err, unix.EINVAL) {
				t.Errorf("%s %q: %v", op, name, err)
			}
		}
	}
}

func TestPathsLongerThanPathMax(t *testing.T) {
	eachWay(t, func(t *testing.T, walking bool) {
		r := mustOpen(t, t.TempDir(), walking)
		name := strings.Repeat("n", 255)
		parts := make([]string, 20)
		for i := range parts {
			parts[i] = name
		}
		d, err := r.Top().MkdirAll(parts, 0o700)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := d.Self()
		d.Close()
		if d, err = r.Dir(strings.Join(parts, "/")); err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if got, _ := d.Self(); got.Ino != want.Ino {
			t.Errorf("another directory: inode %d, want %d", got.Ino, want.Ino)
		}
		if err := r.Top().RemoveAll(name); err != nil {
			t.Error(err)
		}
	})
}

// raceBudget is how long each way tries to lose the race.
const raceBudget = 300 * time.Millisecond

// TestSwappingLinksNeverLeadsOutside flips a directory and a link to a canary
// while files are created; the same by plain paths must escape, or the race was no race.
func TestSwappingLinksNeverLeadsOutside(t *testing.T) {
	base := t.TempDir()
	root, canary := filepath.Join(base, "root"), filepath.Join(base, "canary")
	os.MkdirAll(filepath.Join(root, "sub"), 0o755)
	os.Mkdir(canary, 0o755)
	os.Symlink(canary, filepath.Join(root, "link"))
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			unix.Renameat2(unix.AT_FDCWD, root+"/sub", unix.AT_FDCWD, root+"/link", unix.RENAME_EXCHANGE)
		}
	}()
	defer func() { stop.Store(true); <-done }()
	try := func(create func(name string) error) (made, escaped int) {
		for end := time.Now().Add(raceBudget); time.Now().Before(end); {
			if create(fmt.Sprint("f", made)) == nil {
				made++
			}
		}
		names, _ := os.ReadDir(canary)
		for _, n := range names {
			os.Remove(filepath.Join(canary, n.Name()))
		}
		return made, len(names)
	}
	if _, escaped := try(func(name string) error { return os.WriteFile(root+"/sub/"+name, nil, 0o600) }); escaped == 0 {
		t.Fatal("the control did not escape: this test proves nothing")
	}
	eachWay(t, func(t *testing.T, walking bool) {
		r := mustOpen(t, root, walking)
		made, escaped := try(func(name string) error {
			d, err := r.Dir("sub")
			if err != nil {
				return err
			}
			defer d.Close()
			f, err := d.Create(name+t.Name()[len(t.Name())-3:], 0o600)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if escaped > 0 || made == 0 {
			t.Errorf("%d of %d files escaped", escaped, made)
		}
	})
}
