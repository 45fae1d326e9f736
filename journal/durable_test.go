package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// A child process that appends one file after another and prints each
// confirmed seq, to be killed at any moment; or that only holds the journal.
func TestMain(m *testing.M) {
	switch path := os.Getenv("HYDRASYNC_TEST_JOURNAL"); os.Getenv("HYDRASYNC_TEST_CHILD") {
	case "append":
		appendForEver(path)
	case "hold":
		holdOpen(path)
	}
	os.Exit(m.Run())
}

func appendForEver(path string) {
	j, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	j.Append(ctx, []journal.Change{root()})
	for {
		id := j.NewID()
		pos, err := j.Append(ctx, []journal.Change{file(id, 1, fmt.Sprint("f", id), byte(id))})
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(uint64(pos.Seq), pos.Digest)
	}
}

func holdOpen(path string) {
	if _, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol}); err != nil {
		os.Exit(1)
	}
	fmt.Println("open")
	select {}
}

func child(t *testing.T, what, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HYDRASYNC_TEST_CHILD="+what, "HYDRASYNC_TEST_JOURNAL="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

func TestConfirmedAppendsSurviveKill(t *testing.T) {
	path := newPath(t)
	for round := range 6 {
		cmd, lines := child(t, "append", path)
		confirmed, digest := journal.Seq(0), ""
		for n := 0; n < 20+30*round && lines.Scan(); n++ {
			seq, text, _ := strings.Cut(lines.Text(), " ")
			v, err := strconv.ParseUint(seq, 10, 64)
			if err != nil {
				t.Fatalf("child says %q", lines.Text())
			}
			confirmed, digest = journal.Seq(v), text
		}
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		j := MustOpen(t, journal.Capitol, path)
		pos := j.Position()
		if pos.Seq < confirmed {
			t.Fatalf("after kill the head is %d, %d was confirmed", pos.Seq, confirmed)
		}
		want, _ := journal.ParseDigest(digest)
		if v, err := j.Check(ctx, journal.Position{Epoch: pos.Epoch, Seq: confirmed, Digest: want}); err != nil || v != journal.Resumable {
			t.Errorf("the confirmed position is %v (%v), want resumable", v, err)
		}
		checkDigest(t, j)
		checkGapFree(t, j)
		j.Close()
	}
}

func checkGapFree(t *testing.T, j *journal.Journal) {
	t.Helper()
	entries, err := j.Entries(ctx, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Seq != journal.Seq(i+1) {
			t.Fatalf("entry %d has seq %d", i+1, e.Seq)
		}
	}
}

func TestSecondProcessIsToldWhoHoldsTheJournal(t *testing.T) {
	path := newPath(t)
	cmd, lines := child(t, "hold", path)
	if !lines.Scan() {
		t.Fatal("the child did not open the journal")
	}
	_, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol})
	var inUse *journal.InUseError
	if !errors.As(err, &inUse) || inUse.PID != cmd.Process.Pid {
		t.Fatalf("second open: %v, want an InUseError naming process %d", err, cmd.Process.Pid)
	}
	cmd.Process.Kill()
	cmd.Wait()
	MustOpen(t, journal.Capitol, path) // the kernel dropped the lock
}

func TestSecondOpenInOneProcessIsRefused(t *testing.T) {
	path := newPath(t)
	MustOpen(t, journal.Capitol, path)
	var inUse *journal.InUseError
	if _, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol}); !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second open: %v", err)
	}
}

func TestDamagedFileIsMovedAsideAndAnotherEpochBegins(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"no database at all": func([]byte) []byte { return []byte("this was never a database, not even nearly one") },
		"zeroed pages":       func(b []byte) []byte { clear(b[4096:]); return b },
		"half of it":         func(b []byte) []byte { return b[:len(b)/2&^4095] },
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			j := MustOpen(t, journal.Capitol, path)
			MustAppend(t, j, root())
			for i := range 300 {
				MustAppend(t, j, file(journal.NodeID(10+i), 1, fmt.Sprint("file ", i), 1))
			}
			before := j.Position()
			j.Close()
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			markUnclean(t, path)
			if err := os.WriteFile(path, damage(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			j = MustOpen(t, journal.Capitol, path)
			if got := j.Position(); got.Epoch == before.Epoch || got.Seq != 0 {
				t.Errorf("position after damage = %v, want a new epoch at 0", got)
			}
			if kept, _ := filepath.Glob(path + ".damaged-*"); len(kept) == 0 {
				t.Error("the damaged file was not kept")
			}
			MustAppend(t, j, root())
		})
	}
}

// TestADamagedPageIsNeverHalfBelieved clears one page after the other: each time the
// journal has begun anew, or knows all that it knew.
func TestADamagedPageIsNeverHalfBelieved(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root())
	for i := range 300 {
		MustAppend(t, j, file(journal.NodeID(10+i), 1, fmt.Sprint("file ", i), 1))
	}
	before, want := j.Position(), dump(t, j)
	j.Close()
	markUnclean(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	anew := 0
	for at := 4096; at < len(whole); at += 4096 {
		path := newPath(t)
		damaged := bytes.Clone(whole)
		clear(damaged[at : at+4096])
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		j := MustOpen(t, journal.Capitol, path)
		switch got := j.Position(); {
		case got.Epoch != before.Epoch && got.Seq == 0:
			anew++
		case got != before:
			t.Errorf("page %d: position %v, want %v or a new epoch", at/4096, got, before)
		default:
			if got := dump(t, j); got != want {
				t.Errorf("page %d: it is believed, and knows %d of %d bytes of rows", at/4096, len(got), len(want))
			}
			checkGapFree(t, j)
		}
		j.Close()
	}
	if anew < 10 {
		t.Errorf("only %d pages were missed", anew)
	}
}

// markUnclean makes the file look as after a kill, so that it is checked.
func markUnclean(t *testing.T, path string) { t.Helper(); exec1(t, path, "UPDATE head SET clean = 0") }

func exec1(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFileAndOtherRoleAreRefusedUntouched(t *testing.T) {
	path := newPath(t)
	MustOpen(t, journal.Capitol, path).Close()
	if _, err := journal.Open(journal.Config{Path: path, Role: journal.City}); !errors.Is(err, journal.ErrRole) {
		t.Errorf("open as a city: %v, want ErrRole", err)
	}
	exec1(t, path, "PRAGMA user_version = 99")
	if _, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol}); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("open a newer file: %v, want ErrNewer", err)
	}
}

func TestFullDiskLosesNothingAndHealsByItself(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a small tmpfs")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	j := MustOpen(t, journal.Capitol, filepath.Join(dir, "journal.db"))
	MustAppend(t, j, root())
	big := file(2, 1, "f", 0)
	confirmed := j.Position()
	var failed error
	for i := 0; i < 2000 && failed == nil; i++ {
		c := file(journal.NodeID(10+i), 1, strings.Repeat("n", 240)+fmt.Sprint(i), 1)
		pos, err := j.Append(ctx, []journal.Change{c})
		if failed = err; err == nil {
			confirmed = pos
		}
	}
	if !errors.Is(failed, journal.ErrNoSpace) {
		t.Fatalf("append on a full disk: %v, want ErrNoSpace", failed)
	}
	if got := j.Position(); got != confirmed {
		t.Errorf("position = %v, want the last confirmed %v", got, confirmed)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	MustAppend(t, j, big)
	checkGapFree(t, j)
	checkDigest(t, j)
}

func TestAppendsAtOnceShareFlushesAndAllHappen(t *testing.T) {
	j := MustNew(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := j.NewID()
				if _, err := j.Append(ctx, []journal.Change{file(id, 1, fmt.Sprint(g, " ", i), byte(i))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := j.Position().Seq; got != 401 {
		t.Errorf("head = %d, want 401", got)
	}
	checkGapFree(t, j)
	checkDigest(t, j)
}

func TestBadRequestInAGroupHurtsNobodyElse(t *testing.T) {
	j := MustNew(t)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			id := j.NewID()
			c := file(id, 1, fmt.Sprint("f", id), 1)
			if i%4 == 0 {
				c.Node.Parent = 99999
			}
			if _, err := j.Append(ctx, []journal.Change{c}); (err != nil) != (i%4 == 0) {
				t.Errorf("append %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	checkGapFree(t, j)
	checkDigest(t, j)
}

func TestWaitWakesOnAppendAndOnClose(t *testing.T) {
	j := MustNew(t)
	woken := make(chan error)
	head := j.Position().Seq // before the append, however late the goroutine begins
	go func() { woken <- j.Wait(ctx, head) }()
	MustAppend(t, j, file(2, 1, "f", 1))
	if err := <-woken; err != nil {
		t.Fatal(err)
	}
	after := j.Position().Seq
	go func() { woken <- j.Wait(ctx, after) }()
	j.Close()
	if err := <-woken; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := MustNew(t).Wait(cancelled, 99); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with an ended context: %v", err)
	}
}

func TestCheckTellsHistoriesApart(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root())
	old := MustAppend(t, j, file(2, 1, "a", 1))
	j.Close()
	backup, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j = MustOpen(t, journal.Capitol, path)
	lost := MustAppend(t, j, file(3, 1, "b", 1))
	j.Close()
	os.Remove(path + "-wal")
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	j = MustOpen(t, journal.Capitol, path)
	expect := func(what string, pos journal.Position, want journal.Verdict) {
		t.Helper()
		if got, err := j.Check(ctx, pos); err != nil || got != want {
			t.Errorf("%s: %v (%v), want %v", what, got, err, want)
		}
	}
	expect("a position from before the backup", old, journal.Resumable)
	expect("a position from the lost history, the head behind it", lost, journal.Ahead)
	MustAppend(t, j, file(3, 1, "c", 1), file(4, 1, "d", 1))
	expect("a position from the lost history, the head past it", lost, journal.DigestDiffers)
	expect("no position", journal.Position{}, journal.Empty)
	expect("another epoch", journal.Position{Epoch: journal.Epoch{1}, Seq: 1}, journal.OtherEpoch)
}

func TestRetentionCompactsTheLogAndItsTombstones(t *testing.T) {
	path := newPath(t)
	j, err := journal.Open(journal.Config{Path: path, Role: journal.Capitol, KeepCount: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	MustAppend(t, j, root())
	for id := journal.NodeID(2); id < 40; id++ {
		MustAppend(t, j, file(id, 1, fmt.Sprint(id), 1))
		if id%2 == 0 {
			MustAppend(t, j, gone(id))
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		stats, err := j.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Floor == stats.Position.Seq-10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("floor = %d at head %d, want ten kept", stats.Floor, stats.Position.Seq)
		}
		time.Sleep(20 * time.Millisecond) // the writer tidies when it has been idle
	}
	var compacted *journal.CompactedError
	if _, err := j.Follow(1, nil).Next(ctx, 10); !errors.As(err, &compacted) || compacted.Floor != j.Position().Seq-10 {
		t.Errorf("follow from 1: %v, want a CompactedError with the floor", err)
	}
	if _, err := j.Node(ctx, 2); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("an old tombstone: %v, want ErrNotFound", err)
	}
	checkDigest(t, j)
}

func TestReadOnlyReadsBesideTheWriter(t *testing.T) {
	path := newPath(t)
	j := MustOpen(t, journal.Capitol, path)
	MustAppend(t, j, root(), file(2, 1, "f", 1))
	r, err := journal.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.Resolve(ctx, "f"); err != nil || s.Node.ID != 2 {
		t.Errorf("resolve beside the writer: %+v, %v", s, err)
	}
	if _, err := r.Append(ctx, []journal.Change{gone(2)}); err == nil {
		t.Error("a read-only journal took an append")
	}
}

// The linker decides whether SQLite's flushes come by flush.c: if it ever does not, each
// append costs twice the time and nothing else says so.
func TestEachAppendFlushesBytes(t *testing.T) {
	j := MustNew(t)
	MustAppend(t, j, root())
	before := journal.Flushes()
	for i := range 5 {
		MustAppend(t, j, file(journal.NodeID(10+i), 1, "f"+string(rune('a'+i)), 1))
	}
	if got := journal.Flushes() - before; got < 5 {
		t.Errorf("5 appends made %d flushes", got)
	}
}
