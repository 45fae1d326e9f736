package watcher_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// faultyFS shows a directory as a file system of its own, as a network one
// would: what happens behind it makes no event, and any operation can fail or hang.
type faultyFS struct {
	mu   sync.Mutex
	fail map[string]syscall.Errno // by operation and name
	gate map[string]chan struct{} // operations that wait
	met  map[string]int           // how often they were asked for while they failed or waited
}

// at is asked by every operation: list (before the first name), middle (of a list),
// open and stat.
func (f *faultyFS) at(operation, path string) syscall.Errno {
	key := operation + " " + filepath.Base(path)
	f.mu.Lock()
	errno, gate := f.fail[key], f.gate[key]
	if errno != 0 || gate != nil {
		f.met[key]++
	}
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return errno
}

func (f *faultyFS) set(key string, errno syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail[key] = errno; errno == 0 {
		delete(f.fail, key)
	}
}

func (f *faultyFS) asked(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.met[key]
}

func (f *faultyFS) hang(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate[key] = make(chan struct{})
}

func (f *faultyFS) wake(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if gate := f.gate[key]; gate != nil {
		close(gate)
		delete(f.gate, key)
	}
}

// faultyNode is one file or directory of it.
type faultyNode struct {
	*fs.LoopbackNode
	of *faultyFS
}

// WrapChild makes all that is beneath it faulty too.
func (n *faultyNode) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &faultyNode{child.(*fs.LoopbackNode), n.of}
}

func (n *faultyNode) behind() string {
	return filepath.Join(n.RootData.Path, n.Path(n.Root()))
}

// Lookup is stat by name.
func (n *faultyNode) Lookup(ctx context.Context, name string, out *gofuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.of.at("stat", name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

// Open hands out files whose bytes go through this process.
func (n *faultyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.of.at("open", n.behind()); errno != 0 {
		return nil, 0, errno
	}
	return n.LoopbackNode.Open(ctx, flags)
}

// OpendirHandle reads the whole directory at once.
func (n *faultyNode) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path := n.behind()
	if errno := n.of.at("list", path); errno != 0 {
		return nil, 0, errno
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	d := &faultyDir{}
	for i, e := range entries {
		var st unix.Stat_t
		if unix.Lstat(filepath.Join(path, e.Name()), &st) == nil {
			d.entries = append(d.entries, gofuse.DirEntry{Name: e.Name(), Mode: st.Mode, Ino: st.Ino, Off: uint64(i + 1)})
		}
	}
	if errno := n.of.at("middle", path); errno != 0 {
		d.entries, d.errno = d.entries[:len(d.entries)/2], errno
	}
	return d, 0, 0
}

// faultyDir is an open directory; it may end in an error.
type faultyDir struct {
	mu      sync.Mutex
	entries []gofuse.DirEntry
	next    int
	errno   syscall.Errno
}

func (d *faultyDir) Readdirent(context.Context) (*gofuse.DirEntry, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == len(d.entries) {
		return nil, d.errno
	}
	d.next++
	return &d.entries[d.next-1], 0
}

func (d *faultyDir) Seekdir(_ context.Context, off uint64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = min(int(off), len(d.entries))
	return 0
}

// serveFuse makes the tree show the directory ../behind.
func (r *rig) serveFuse() {
	r.t.Helper()
	behind := filepath.Join(filepath.Dir(r.root), "behind")
	mustNot(r.t, os.Mkdir(behind, 0o755))
	var st syscall.Stat_t
	mustNot(r.t, syscall.Stat(behind, &st))
	r.faults = &faultyFS{fail: map[string]syscall.Errno{}, gate: map[string]chan struct{}{}, met: map[string]int{}}
	data := &fs.LoopbackRoot{Path: behind, Dev: uint64(st.Dev)}
	root := &faultyNode{&fs.LoopbackNode{RootData: data}, r.faults}
	data.RootNode = root
	server, err := fs.Mount(r.root, root, &fs.Options{MountOptions: gofuse.MountOptions{DirectMountStrict: true, FsName: "behind"}})
	if err != nil {
		r.t.Skipf("needs root, and a kernel with FUSE: %v", err)
	}
	r.t.Cleanup(func() {
		unix.Unmount(r.root, unix.MNT_DETACH)
		server.Wait()
	})
}

// faultVerbs are for a tree on fuse.
var faultVerbs = map[string]verb{
	"fail": func(r *rig, a args) error { // fail list|middle|open|stat NAME ERRNO
		errno, ok := map[string]syscall.Errno{"EIO": syscall.EIO, "EACCES": syscall.EACCES, "ESTALE": syscall.ESTALE, "ETIMEDOUT": syscall.ETIMEDOUT}[a.at(3)]
		if !ok {
			return fmt.Errorf("no such errno: %q", a.at(3))
		}
		r.faults.set(a.at(1)+" "+a.at(2), errno)
		return nil
	},
	"heal": func(r *rig, a args) error { r.faults.set(a.at(1)+" "+a.at(2), 0); return nil },
	"hang": func(r *rig, a args) error { r.faults.hang(a.at(1) + " " + a.at(2)); return nil },
	"wake": func(r *rig, a args) error { r.faults.wake(a.at(1) + " " + a.at(2)); return nil },
}
