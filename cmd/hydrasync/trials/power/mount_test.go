package power

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fileSystem is one kind that is tried.
type fileSystem struct {
	name    string
	kind    string // as mount(2) has it
	options string
	size    int64
	mkfs    []string
	fsck    []string // before the mount, where that is the rule
}

// ext4 hides a missing flush of a replaced file unless told not to; its own commits
// every five seconds would hide others.
var (
	ordered   = fileSystem{"ext4 ordered", "ext4", "noauto_da_alloc,commit=300,data=ordered", 64 << 20, mkext4(), nil}
	writeback = fileSystem{"ext4 writeback", "ext4", "noauto_da_alloc,commit=300,data=writeback", 64 << 20, mkext4(), nil}
	unlogged  = fileSystem{"ext4 without journal", "ext4", "noauto_da_alloc", 64 << 20, mkext4("-O", "^has_journal"), []string{"e2fsck", "-fy"}}
	xfs       = fileSystem{"XFS", "xfs", "nouuid", 96 << 20, []string{"mkfs.xfs", "-q", "-f", "--unsupported", "-l", "size=8m"}, nil}
	btrfs     = fileSystem{"btrfs", "btrfs", "commit=300", 160 << 20, []string{"mkfs.btrfs", "-q"}, nil}
)

func mkext4(more ...string) []string {
	return append([]string{"mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, more...)
}

// image makes an empty file system.
func (f *fileSystem) image(t *testing.T) blocks {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	mustRun(t, "truncate", "-s", strconv.FormatInt(f.size, 10), path)
	mustRun(t, f.mkfs[0], append(f.mkfs[1:len(f.mkfs):len(f.mkfs)], path)...)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b := make(blocks)
	for at, buf := int64(0), make([]byte, blockSize); ; at += blockSize {
		if at, err = file.Seek(at, unix.SEEK_DATA); err != nil {
			return b // ENXIO: nothing but a hole is left
		}
		at -= at % blockSize
		if _, err := file.ReadAt(buf, at); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		b.write(buf, at)
	}
}

// bench is where disks are plugged in: a FUSE file system of its own.
type bench struct {
	dir  string
	root *fs.Inode
	last atomic.Int64
}

// benchRoot is that file system's root.
type benchRoot struct{ fs.Inode }

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	root := new(benchRoot)
	options := &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, MaxWrite: 1 << 17, FsName: "power"}}
	server, err := fs.Mount(b.dir, root, options)
	if err != nil {
		t.Fatalf("mount FUSE: %v", err)
	}
	t.Cleanup(func() { unmountFUSE(t, server) })
	b.root = root.EmbeddedInode()
	return b
}

func unmountFUSE(t *testing.T, server *fuse.Server) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := server.Unmount()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("unmount FUSE: %v", err)
			return
		}
	}
}

// plug gives a disk its file.
func (b *bench) plug(t *testing.T, size int64) (*disk, string) {
	t.Helper()
	d := &disk{size: size, content: make(blocks)}
	name := fmt.Sprint("disk", b.last.Add(1))
	if !b.root.AddChild(name, b.root.NewPersistentInode(context.Background(), d, fs.StableAttr{Mode: syscall.S_IFREG}), true) {
		t.Fatal("plug disk: name taken")
	}
	return d, filepath.Join(b.dir, name)
}

func (b *bench) unplug(path string) { b.root.RmChild(filepath.Base(path)) }

// attach makes a loop device over a file. It goes by itself when it is unmounted.
func attach(path string) (device string, f *os.File, err error) {
	// no os.Open: it would ask our own FUSE server, inside the runtime's poller
	back, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(back)
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(control)
	for {
		n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", nil, fmt.Errorf("get a loop device: %w", err)
		}
		device = fmt.Sprint("/dev/loop", n)
		fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", nil, err
		}
		config := unix.LoopConfig{Fd: uint32(back)}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		err = unix.IoctlLoopConfigure(fd, &config)
		if err == nil {
			return device, os.NewFile(uintptr(fd), device), nil
		}
		unix.Close(fd)
		if err != unix.EBUSY { // somebody else was faster
			return "", nil, fmt.Errorf("attach %s: %w", device, err)
		}
	}
}

// mount attaches a file and mounts it.
func (f *fileSystem) mount(path, dir string) error {
	device, open, err := attach(path)
	if err != nil {
		return err
	}
	defer open.Close()
	if f.fsck != nil {
		out, err := exec.Command(f.fsck[0], append(f.fsck[1:len(f.fsck):len(f.fsck)], device)...).CombinedOutput()
		var ended *exec.ExitError
		if err != nil && (!asExit(err, &ended) || ended.ExitCode() > 2) { // 1: mended
			return fmt.Errorf("%s: %w %s", f.fsck[0], err, out)
		}
	}
	if err := unix.Mount(device, dir, f.kind, 0, f.options); err != nil {
		return fmt.Errorf("mount %s: %w", f.name, err)
	}
	return nil
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*to = e
	return ok
}

// unmount waits for those who still look at something in dir.
func unmount(dir string) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Unmount(dir, 0)
		if err != unix.EBUSY || time.Now().After(deadline) {
			return err
		}
	}
}

func mustMount(t *testing.T, f *fileSystem, path string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := f.mount(path, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
