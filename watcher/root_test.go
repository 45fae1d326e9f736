package watcher

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

func mustRoot(t *testing.T, bare bool) *root {
	t.Helper()
	r, err := openRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() })
	r.bare.Store(bare)
	return r
}

// Nothing on the way to a file, nor the file itself, may be a link.
func TestNoLinkIsFollowedOnAnyWay(t *testing.T) {
	for name, bare := range map[string]bool{"openat2": false, "component by component": true} {
		t.Run(name, func(t *testing.T) {
			r, outside := mustRoot(t, bare), t.TempDir()
			for _, err := range []error{
				os.MkdirAll(filepath.Join(outside, "sub"), 0o755),
				os.WriteFile(filepath.Join(outside, "sub/f"), []byte("secret"), 0o644),
				os.MkdirAll(filepath.Join(r.path, "real/sub"), 0o755),
				os.WriteFile(filepath.Join(r.path, "real/sub/f"), nil, 0o644),
				os.Symlink(outside, filepath.Join(r.path, "out")),
				os.Symlink("real", filepath.Join(r.path, "in")),
				os.Symlink(filepath.Join(outside, "sub/f"), filepath.Join(r.path, "real/f")),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			for path, want := range map[string]bool{"real/sub/f": true, "out/sub/f": false, "out/sub": false, "in/sub/f": false,
				"real/f": false, "../" + filepath.Base(r.path) + "/real/sub/f": bare} {
				fd, err := r.open(path, unix.O_RDONLY)
				if err == nil {
					unix.Close(fd)
				}
				if (err == nil) != want {
					t.Errorf("open %s: %v, want it opened: %v", path, err, want)
				}
			}
		})
	}
}

// A FIFO that takes a file's name between the look and the reading is not waited for.
func TestAFIFOIsNotWaitedFor(t *testing.T) {
	for name, beside := range map[string]bool{"by its path": false, "beside others of its directory": true} {
		t.Run(name, func(t *testing.T) {
			r := mustRoot(t, false)
			path := filepath.Join(r.path, "f")
			if err := unix.Mkfifo(path, 0o644); err != nil {
				t.Fatal(err)
			}
			job := reading{path: "f", name: "f", st: stat{kind: journal.File}}
			if beside {
				job.dir = r.fd
			}
			done := make(chan error, 1)
			go func() {
				_, err := newReader(r, nil).read(t.Context(), job)
				done <- err
			}()
			select {
			case err := <-done:
				if !errors.Is(err, errChanged) {
					t.Errorf("got %v, want %v", err, errChanged)
				}
			case <-time.After(10 * time.Second):
				t.Error("it is waited for")
				if fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK, 0); err == nil { // let it go
					unix.Close(fd)
				}
				<-done
			}
		})
	}
}

// The kernel says whether somebody has a file open for writing, and his closing it ends that.
func TestALeaseTellsWhoWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if got := probe(fd); got != someWriters {
		t.Errorf("while it is open for writing: %d, want %d", got, someWriters)
	}
	w.Close()
	if got := probe(fd); got != noWriters {
		t.Errorf("when it is closed: %d, want %d", got, noWriters)
	}
}

// Times prove nothing about what was written within their own tick.
func TestTimesAreNotBelievedWithinTheirTick(t *testing.T) {
	at := func(nsec int32) stat { return stat{ctime: journal.Time{Sec: 1000, Nsec: nsec}} }
	after := func(d time.Duration) time.Time { return time.Unix(1000, 5).Add(d) }
	for _, c := range []struct {
		what string
		tick ticks
		st   stat
		then time.Time
		want bool
	}{
		{"whole seconds, at once", ticks{}, at(0), after(0), true},
		{"whole seconds, a second later", ticks{}, at(0), after(time.Second), true},
		{"whole seconds, three seconds later", ticks{}, at(0), after(3 * time.Second), false},
		{"kernel ticks, at once", ticks{fine: jiffies}, at(5), after(0), true},
		{"kernel ticks, a millisecond later", ticks{fine: jiffies}, at(5), after(time.Millisecond), true},
		{"kernel ticks, a second later", ticks{fine: jiffies}, at(5), after(time.Second), false},
		{"kernel ticks, a clock that was put back: what is written next has another time", ticks{fine: jiffies}, at(5), after(-time.Hour), false},
		{"times as fine as they are asked for", ticks{}, at(5), after(0), false},
	} {
		if got := c.tick.racy(&c.st, c.then); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	st := at(5)
	if !fresh(&st, after(time.Millisecond)) || fresh(&st, after(time.Second)) {
		t.Error("what an event shows is fresh for some ticks, and not for ever")
	}
	row := &journal.Stored{Node: journal.Node{Kind: journal.File, Body: journal.Content{Digest: sha256.Sum256(nil)}}, Seen: journal.Seen{CTime: st.ctime, Racy: true}}
	if sameBytes(row, &st) {
		t.Error("a row that was read within the tick is believed")
	}
}
