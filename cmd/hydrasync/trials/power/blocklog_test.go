package power

import (
	"context"
	"maps"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// blockSize is what a crash keeps or loses as one.
const blockSize = 4096

// blocks are a disk's content: number and bytes, which are never changed once they
// are here. What is missing is zeros.
type blocks map[int64][]byte

func (b blocks) read(dest []byte, at int64) {
	for len(dest) > 0 {
		from := at % blockSize
		n := min(int64(len(dest)), blockSize-from)
		if old := b[at/blockSize]; old != nil {
			copy(dest[:n], old[from:])
		} else {
			clear(dest[:n])
		}
		dest, at = dest[n:], at+n
	}
}

func (b blocks) write(data []byte, at int64) {
	for len(data) > 0 {
		from := at % blockSize
		n := min(int64(len(data)), blockSize-from)
		fresh := make([]byte, blockSize)
		copy(fresh, b[at/blockSize])
		copy(fresh[from:], data[:n])
		b[at/blockSize] = fresh
		data, at = data[n:], at+n
	}
}

// record is one line of a block log: a write, or, without bytes, a flush.
type record struct {
	at   int64
	data []byte
}

func (r *record) flush() bool { return r.data == nil }

// disk is a file of a FUSE file system that a loop device lies over.
type disk struct {
	fs.Inode
	size int64

	mu        sync.Mutex
	content   blocks
	log       []record
	recording bool
}

var (
	_ fs.NodeGetattrer = (*disk)(nil)
	_ fs.NodeSetattrer = (*disk)(nil)
	_ fs.NodeOpener    = (*disk)(nil)
	_ fs.NodeReader    = (*disk)(nil)
	_ fs.NodeWriter    = (*disk)(nil)
	_ fs.NodeFsyncer   = (*disk)(nil)
	_ fs.NodeAllocater = (*disk)(nil)
)

// Getattr says how large it is.
func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(d.size)
	return 0
}

// Setattr changes nothing.
func (d *disk) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, f, out)
}

// Open keeps the kernel from caching: what the loop device is told arrives here at once.
func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dest = dest[:max(0, min(int64(len(dest)), d.size-off))]
	d.content.read(dest, off)
	return fuse.ReadResultData(dest), 0
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content.write(data, off)
	if d.recording {
		d.log = append(d.log, record{off, append([]byte{}, data...)})
	}
	return uint32(len(data)), 0
}

// Fsync is the loop device's flush.
func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recording {
		d.log = append(d.log, record{})
	}
	return 0
}

// Allocate is refused: the kernel then writes zeros, which the log can have.
func (d *disk) Allocate(context.Context, fs.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return syscall.EOPNOTSUPP
}

// put replaces the content, before the disk is attached to a device.
func (d *disk) put(b blocks) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content = b
}

// begin forgets the log and returns the content that the new one begins with.
func (d *disk) begin() blocks {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log, d.recording = nil, true
	return maps.Clone(d.content)
}

// now is how long the log is.
func (d *disk) now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// end returns the log.
func (d *disk) end() []record {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recording = false
	return d.log
}
