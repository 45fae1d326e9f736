package watcher_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inPrivate is set in a process that has mounts of its own: to whose they are.
const (
	inPrivate = "WATCHER_PRIVATE"
	byRoot    = "root"
	byUser    = "user" // in a user namespace
)

// private says that this process has mounts of its own, which end with it.
// Where it has not, the test is run again in one that has; without root in a
// user namespace, where tmpfs, bind mounts and overlays can be had too.
func private(t *testing.T, environment ...string) bool {
	t.Helper()
	if os.Getenv(inPrivate) != "" {
		return true
	}
	cmd, whose := again(t), byRoot
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		whose = byUser
		inUserNamespace(cmd.SysProcAttr)
	}
	cmd.Env = append(append(cmd.Env, inPrivate+"="+whose), environment...)
	finish(t, cmd)
	return false
}

func inUserNamespace(attr *syscall.SysProcAttr) {
	attr.Cloneflags = syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// again is this very test in a process of its own.
func again(t *testing.T) *exec.Cmd {
	var parts []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		parts = append(parts, "^"+part+"$")
	}
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(parts, "/"), "-test.v", "-test.timeout=2h")
	cmd.Env = os.Environ()
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil && len(out) == 0:
		t.Skipf("needs root, or user namespaces: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	case !strings.Contains(string(out), "--- PASS"):
		t.Errorf("nothing was run:\n%s", out)
	case testing.Verbose():
		t.Logf("%s", out)
	}
}

// A file system that a tree can be on.
type fileSystem string

const (
	tmpfs   fileSystem = "tmpfs"
	ext4    fileSystem = "ext4"
	ext4Old fileSystem = "ext4-128" // inodes of 128 bytes: times of whole seconds, none of birth
	xfs     fileSystem = "xfs"
	overlay fileSystem = "overlay" // of ../lower and ../upper
	fuse    fileSystem = "fuse"    // shows ../behind
)

// mountAt puts a file system at a directory, in a private process. Loop devices
// need root.
func (fs fileSystem) mountAt(t testing.TB, dir string) {
	t.Helper()
	switch fs {
	case tmpfs:
		mustNot(t, unix.Mount("none", dir, "tmpfs", 0, "size=256m"))
	case ext4:
		mountNew(t, dir, "ext4", 64, "mkfs.ext4", "-q", "-F")
	case ext4Old:
		mountNew(t, dir, "ext4", 64, "mkfs.ext4", "-q", "-F", "-I", "128")
	case xfs:
		mountNew(t, dir, "xfs", 320, "mkfs.xfs", "-q", "-f")
	case overlay:
		beside := filepath.Dir(dir) + "/"
		for _, layer := range []string{"layers", "lower", "upper"} {
			mustNot(t, os.Mkdir(beside+layer, 0o755))
		}
		mustNot(t, unix.Mount("none", beside+"layers", "tmpfs", 0, "size=64m"))
		t.Cleanup(func() { unix.Unmount(beside+"layers", unix.MNT_DETACH) })
		for _, layer := range []string{"lower", "upper", "work"} {
			mustNot(t, os.Mkdir(beside+"layers/"+layer, 0o755))
		}
		for _, layer := range []string{"lower", "upper"} {
			mustNot(t, unix.Mount(beside+"layers/"+layer, beside+layer, "", unix.MS_BIND, ""))
			t.Cleanup(func() { unix.Unmount(beside+layer, unix.MNT_DETACH) })
		}
		options := fmt.Sprintf("lowerdir=%[1]slower,upperdir=%[1]supper,workdir=%[1]swork", beside+"layers/")
		if os.Getenv(inPrivate) == byUser {
			options += ",userxattr"
		}
		mustNot(t, unix.Mount("none", dir, "overlay", 0, options))
	default:
		t.Fatalf("no such file system: %s", fs)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func mountNew(t testing.TB, dir, kind string, megabytes int64, mkfs ...string) {
	t.Helper()
	mountImage(t, newImage(t, megabytes, mkfs...), dir, kind)
}

func newImage(t testing.TB, megabytes int64, mkfs ...string) string {
	t.Helper()
	if os.Getenv(inPrivate) != byRoot {
		t.Skip("needs root: a loop device")
	}
	image := filepath.Join(t.TempDir(), "image")
	mustNot(t, os.WriteFile(image, nil, 0o600))
	mustNot(t, os.Truncate(image, megabytes<<20))
	mustRun(t, append(mkfs, image)...)
	return image
}

// mountImage does what mount -o loop does, without a look at the loop devices of
// others: one whose file lies on a file system that hangs would hang us too.
func mountImage(t testing.TB, image, dir, kind string) {
	t.Helper()
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	mustNot(t, err)
	defer file.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	mustNot(t, err)
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		mustNot(t, err)
		path := fmt.Sprintf("/dev/loop%d", n)
		if err := unix.Mknod(path, unix.S_IFBLK|0o660, int(unix.Mkdev(7, uint32(n)))); err != nil && err != unix.EEXIST {
			t.Fatal(err)
		}
		loop, err := os.OpenFile(path, os.O_RDWR, 0)
		mustNot(t, err)
		defer loop.Close() // the mount keeps the device; with its end the device is free
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}})
		if err == unix.EBUSY { // somebody else was given the same one
			continue
		}
		mustNot(t, err)
		mustNot(t, unix.Mount(path, dir, kind, 0, ""))
		return
	}
}

func mustRun(t testing.TB, words ...string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", words, err, out)
	}
}

// mountVerbs need a private process.
var mountVerbs = map[string]verb{
	"bind": func(r *rig, a args) error { // bind FROM AT
		return r.mounted(a.at(2), unix.Mount(r.path(a.at(1)), r.path(a.at(2)), "", unix.MS_BIND, ""))
	},
	"tmpfs": func(r *rig, a args) error {
		return r.mounted(a.at(1), unix.Mount("none", r.path(a.at(1)), "tmpfs", 0, ""))
	},
	"unmount": func(r *rig, a args) error { return unix.Unmount(r.path(a.at(1)), unix.MNT_DETACH) },
}

func (r *rig) mounted(rel string, err error) error {
	if err == nil {
		r.t.Cleanup(func() { unix.Unmount(r.path(rel), unix.MNT_DETACH) })
	}
	return err
}
