package watcher_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// stored is the row of a path.
func (r *rig) stored(path string) journal.Stored {
	r.t.Helper()
	row, err := r.j.Resolve(r.t.Context(), path)
	mustNot(r.t, err)
	row, err = r.j.Node(r.t.Context(), row.Node.ID) // the hash state too
	mustNot(r.t, err)
	return row
}

// proven waits until the row has the digest of what is on the disk, and no doubt is left.
func (r *rig) proven(path string) {
	r.t.Helper()
	r.until("the row of "+path+" is proven", func() string {
		b, err := os.ReadFile(r.path(path))
		mustNot(r.t, err)
		switch row := r.stored(path); {
		case row.Node.Body.Digest != sha256.Sum256(b):
			return "another digest"
		case row.Seen.Unproven:
			return "unproven"
		}
		return ""
	})
}

// A file that grew and was edited far before its old end shows the same last block.
func TestWhatWasTakenForAnAppendIsReadAgainAfterARestart(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("f"), bytes.Repeat([]byte("a"), 200_000), 0o644))
	r.start()
	r.halt()

	f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
	mustNot(t, err)
	_, err = f.WriteAt([]byte("B"), 5)
	mustNot(t, err)
	_, err = f.WriteAt([]byte("more"), 200_000)
	mustNot(t, err)
	mustNot(t, f.Close())
	r.start()
	r.halt()
	if row := r.stored("f"); row.Node.Body.Size != 200_004 || !row.Seen.Unproven {
		t.Fatalf("%d bytes, unproven %v: want the append to be believed, and the doubt in the row", row.Node.Body.Size, row.Seen.Unproven)
	}

	r.quiet = time.Millisecond
	r.start()
	r.proven("f")
	r.halt()
	head := r.j.Position().Seq
	r.start()
	if r.j.Position().Seq != head {
		t.Error("a tree at rest made entries")
	}
}

// A file that only grew is read again too, and then there is nothing to tell.
func TestAnAppendThatIsProvenMakesNoEntry(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("f"), bytes.Repeat([]byte("a"), 200_000), 0o644))
	mustNot(t, unix.Setxattr(r.path("f"), "user.kept", []byte("yes"), 0))
	r.start()
	r.halt()
	f, err := os.OpenFile(r.path("f"), os.O_WRONLY|os.O_APPEND, 0)
	mustNot(t, err)
	_, err = f.WriteString("more")
	mustNot(t, err)
	mustNot(t, f.Close())
	r.quiet = time.Millisecond
	r.start()
	head := r.j.Position()
	r.proven("f")
	row := r.stored("f")
	if r.j.Position() != head {
		t.Error("an entry was made")
	}
	if len(row.Node.Xattrs) != 1 || len(row.Seen.HashState) == 0 {
		t.Errorf("%d attributes, a hash state of %d bytes: want what was there", len(row.Node.Xattrs), len(row.Seen.HashState))
	}
}

// A store into a page that is dirty already moves no time; on tmpfs none ever does.
func TestW08StoresThatLeaveNoTraceAreFoundWhenTheMappingIsClosed(t *testing.T) {
	if !private(t) {
		return
	}
	for _, on := range []fileSystem{tmpfs, ext4} {
		for _, size := range []int{8192, 200_000} {
			t.Run(string(on), func(t *testing.T) { mapped(t, on, size) })
		}
	}
}

func mapped(t *testing.T, on fileSystem, size int) {
	r := newRigOn(t, on)
	mustNot(t, os.WriteFile(r.path("f"), bytes.Repeat([]byte("a"), size), 0o644))
	f, err := os.OpenFile(r.path("f"), os.O_RDWR, 0)
	mustNot(t, err)
	m, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	mustNot(t, err)
	mustNot(t, f.Close())
	m[0] = 'b' // from now on the page is dirty
	r.start()
	r.until("it was read", func() string {
		if row := r.stored("f"); row.Node.Body.Size != int64(size) {
			return "not yet"
		}
		return ""
	})
	if !r.stored("f").Seen.Unproven {
		t.Fatal("somebody can store into it, and the row is proven")
	}
	m[7000] = 'c'
	mustNot(t, unix.Munmap(m))
	r.halt()
	r.quiet = time.Millisecond
	r.start()
	r.proven("f")
}

// grow appends line after line until the test ends.
func (r *rig) grow(path string) {
	f, err := os.OpenFile(r.path(path), os.O_WRONLY|os.O_APPEND, 0)
	mustNot(r.t, err)
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := f.WriteString("a line that comes while the file is read\n"); err != nil {
				done <- err
				return
			}
			time.Sleep(50 * time.Microsecond)
		}
		done <- f.Close()
	}()
	r.t.Cleanup(func() { cancel(); mustNot(r.t, <-done) })
}

// told waits until the row has the digest of as many bytes as it tells of, at least so many.
func (r *rig) told(path string, least int64) {
	r.t.Helper()
	r.until("the beginning of "+path+" is told", func() string {
		row, err := r.j.Resolve(r.t.Context(), path)
		switch {
		case err != nil:
			return err.Error()
		case row.Node.Body.Size < least:
			return fmt.Sprint("size ", row.Node.Body.Size)
		}
		b, err := os.ReadFile(r.path(path))
		mustNot(r.t, err)
		if row.Node.Body.Digest != sha256.Sum256(b[:row.Node.Body.Size]) {
			return "another digest"
		}
		return ""
	})
}

// A large log is never still for as long as it takes to read it.
func TestALargeLogIsToldWhileItGrows(t *testing.T) {
	r := newRig(t)
	const size = 32 << 20
	mustNot(t, os.WriteFile(r.path("log"), bytes.Repeat([]byte("a"), size), 0o644))
	r.grow("log")
	r.quiet = time.Millisecond
	r.start()
	r.told("log", size)

	f, err := os.OpenFile(r.path("log"), os.O_WRONLY, 0)
	mustNot(t, err)
	_, err = f.WriteAt([]byte("B"), 5)
	mustNot(t, errors.Join(err, f.Close()))
	r.told("log", r.stored("log").Node.Body.Size+1)
}

// What is written in place all the time cannot be had, and the status says so.
func TestALargeFileThatAlwaysChangesIsListedAsBusy(t *testing.T) {
	r := newRig(t)
	mustNot(t, os.WriteFile(r.path("db"), make([]byte, 32<<20), 0o644))
	f, err := os.OpenFile(r.path("db"), os.O_WRONLY, 0)
	mustNot(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for at := int64(0); ctx.Err() == nil && err == nil; at = (at + 4096) % (32 << 20) {
			_, err = f.WriteAt([]byte(time.Now().String()), at)
			time.Sleep(50 * time.Microsecond)
		}
		done <- errors.Join(err, f.Close())
	}()
	r.start()
	r.until("it is listed", func() string {
		for _, p := range r.w.Status().Problems {
			if p.Path == "db" {
				return ""
			}
		}
		return "not yet"
	})
	cancel()
	mustNot(t, <-done)
	r.settle()
	if p := r.w.Status().Problems; len(p) > 0 {
		t.Errorf("it rests, and is listed: %v", p)
	}
}
