package watcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// midway is a context that has something done after the first block of a
// reading: the reader asks before each block whether it is to go on.
type midway struct {
	context.Context
	asked int
	do    func()
}

func (m *midway) Err() error {
	if m.asked++; m.asked == 2 {
		m.do()
	}
	return nil
}

const midwaySize = 8 * readBlock

// readWhile reads a file of midwaySize bytes of 'a' while something happens to it.
func readWhile(t *testing.T, old func(path string) *journal.Stored, do func(path string)) (*content, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("a"), midwaySize), 0o644))
	r, err := openRoot(dir)
	must(t, err)
	defer r.close()
	st, err := statAt(r.fd, "f")
	must(t, err)
	job := reading{path: "f", st: st}
	if old != nil {
		job.row = old(path)
	}
	ctx := &midway{Context: t.Context(), do: func() { do(path) }}
	c, err := newReader(r, nil).read(ctx, job)
	if ctx.asked < 2 {
		t.Fatalf("%d blocks were read, too few to come between two", ctx.asked)
	}
	return c, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writeAt writes and closes, so that nobody has the file open when it is asked for.
func writeAt(t *testing.T, path string, text string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(text), at)
	must(t, errors.Join(err, f.Close()))
}

func TestW17AFileThatChangesWhileItIsReadIsNotBelieved(t *testing.T) {
	for name, do := range map[string]func(path string){
		"what was read already": func(path string) { writeAt(t, path, "b", 5) },
		"what comes next":       func(path string) { writeAt(t, path, "b", midwaySize-5) },
		"both, and its times are put back": func(path string) {
			fi, err := os.Stat(path)
			must(t, err)
			writeAt(t, path, "b", 5)
			writeAt(t, path, "b", midwaySize-5)
			must(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
		},
		"its mode": func(path string) { must(t, os.Chmod(path, 0o600)) },
		"its size": func(path string) { writeAt(t, path, "b", midwaySize) },
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := readWhile(t, nil, do); !errors.Is(err, errChanged) {
				t.Errorf("believed: %+v, %v", c, err)
			}
		})
	}
}

// A long reading asks now and then whether it is worth going on.
func TestWhatIsWrittenInPlaceIsNotReadToItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(path, []byte("abc"), 0o644))
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	must(t, err)
	defer unix.Close(fd)
	st, err := statAt(fd, "")
	must(t, err)
	writeAt(t, path, "more", 3)
	c := content{st: st, size: st.size}
	if err := c.still(fd, stillEvery); err != nil {
		t.Errorf("it only grew: %v", err)
	}
	c = content{st: st, size: st.size + 4}
	if err := c.still(fd, stillEvery-1); err != nil {
		t.Errorf("it is too early to ask: %v", err)
	}
	if err := c.still(fd, stillEvery); !errors.Is(err, errChanged) {
		t.Errorf("it has the size that was asked for, and other bytes: %v", err)
	}
}

func TestW18AFileReplacedWhileItIsReadIsReadToItsEnd(t *testing.T) {
	c, err := readWhile(t, nil, func(path string) {
		must(t, os.WriteFile(path+".new", bytes.Repeat([]byte("b"), 2*midwaySize), 0o644))
		must(t, unix.Renameat2(unix.AT_FDCWD, path+".new", unix.AT_FDCWD, path, unix.RENAME_EXCHANGE))
	})
	// An exchange moves the old file's ctime: it may be refused, but never be a mixture.
	if err != nil && !errors.Is(err, errChanged) || err == nil && c.digest != sha256.Sum256(bytes.Repeat([]byte("a"), midwaySize)) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestW19AFileCutShortWhileItIsReadIsNotBelieved(t *testing.T) {
	for _, size := range []int64{0, 1, readBlock, midwaySize - 1} {
		c, err := readWhile(t, nil, func(path string) { must(t, os.Truncate(path, size)) })
		if !errors.Is(err, errChanged) {
			t.Errorf("cut to %d: %+v, %v", size, c, err)
		}
	}
}

func TestW19ALogThatGrowsWhileItIsReadIsTakenAsItWas(t *testing.T) {
	short := bytes.Repeat([]byte("a"), midwaySize/2)
	old := func(path string) *journal.Stored {
		row := &journal.Stored{Node: journal.Node{Kind: journal.File}}
		row.Node.Body = journal.Content{Size: int64(len(short)), Digest: sha256.Sum256(short)}
		return row
	}
	c, err := readWhile(t, old, func(path string) { writeAt(t, path, "more", midwaySize) })
	must(t, err)
	if c.size != midwaySize || c.digest != sha256.Sum256(bytes.Repeat([]byte("a"), midwaySize)) || !c.grown {
		t.Errorf("%d bytes, grown %v", c.size, c.grown)
	}
}

// A FIFO that took the name since it was looked at must not be waited for, and a
// link not be followed.
func TestW26WhatTookTheNameOfAFileIsNotRead(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a link":      func(path string) error { return os.Symlink("other", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"a file":      func(path string) error { return os.WriteFile(path, nil, 0o644) },
	} {
		for _, byName := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("text"), 0o644))
				must(t, os.WriteFile(filepath.Join(dir, "other"), []byte("other"), 0o644))
				r, err := openRoot(dir)
				must(t, err)
				defer r.close()
				st, err := statAt(r.fd, "f")
				must(t, err)
				must(t, os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "kept")))
				must(t, take(filepath.Join(dir, "f")))
				job := reading{path: "f", st: st}
				if byName {
					job.dir, job.name = r.fd, "f"
				}
				c, err := newReader(r, nil).read(t.Context(), job)
				if err == nil {
					t.Errorf("it was read: %+v", c)
				}
			})
		}
	}
}

// The clock may have been set back since the file was born or changed.
func TestW16TimesProveOnlyWhatTheClockLetsThem(t *testing.T) {
	now := journal.Time{Sec: 1_000_000}
	for name, row := range map[string]struct {
		tick  ticks
		ctime journal.Time
		racy  bool
	}{
		"a second ago, in seconds":     {ticks{}, journal.Time{Sec: now.Sec - 1}, true},
		"three seconds ago":            {ticks{}, journal.Time{Sec: now.Sec - 3}, false},
		"a day ahead":                  {ticks{}, journal.Time{Sec: now.Sec + 86400}, false},
		"a second ahead, in seconds":   {ticks{}, journal.Time{Sec: now.Sec + 1}, true},
		"just now, in jiffies":         {ticks{fine: jiffies}, journal.Time{Sec: now.Sec - 1, Nsec: 999_000_000}, true},
		"a while ago, in jiffies":      {ticks{fine: jiffies}, journal.Time{Sec: now.Sec - 1, Nsec: 900_000_000}, false},
		"just now, with fresh stamps":  {ticks{}, journal.Time{Sec: now.Sec - 1, Nsec: 999_999_999}, false},
		"a day ahead, in jiffies":      {ticks{fine: jiffies}, journal.Time{Sec: now.Sec + 86400, Nsec: 1}, false},
		"before there were computers":  {ticks{fine: jiffies}, journal.Time{Sec: -1 << 40, Nsec: 1}, false},
		"in the last year of ext4":     {ticks{fine: jiffies}, journal.Time{Sec: 15032385535, Nsec: 1}, false},
		"the same instant, in seconds": {ticks{}, now, true},
	} {
		if got := row.tick.racy(&stat{ctime: row.ctime}, now.Std()); got != row.racy {
			t.Errorf("%s: racy is %v", name, got)
		}
	}
}

func TestW12RemoteTreesAreReconciledOften(t *testing.T) {
	k := &keeper{session: &session{Watcher: &Watcher{cfg: Config{Reconcile: DefaultReconcile}}}}
	for remote, row := range map[string]struct{ took, want time.Duration }{
		"":     {time.Second, DefaultReconcile},
		"nfs":  {time.Second, remoteReconcile},
		"fuse": {time.Minute / 2, DefaultReconcile}, // a share of the time, no more
		"smb":  {4 * time.Second, 80 * time.Second},
	} {
		k.facts.st.Remote = remote
		if got := k.patienceOf(row.took); got != row.want {
			t.Errorf("%q after %v: again in %v, want %v", remote, row.took, got, row.want)
		}
	}
}
