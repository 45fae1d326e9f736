package trials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestGoSourceTree mirrors the toolchain's own source, then a burst: the whole
// of it copied into the watched tree, renamed, and removed again.
func TestGoSourceTree(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(strings.TrimSpace(string(root)), "src")
	r := newRig(t)
	copyWith(t, "cp", "-a", from, filepath.Join(r.src, "go"))
	r.start(t)
	r.mustBecomeEqual(t)
	copyWith(t, "cp", "-a", filepath.Join(r.src, "go"), filepath.Join(r.src, "again"))
	r.mustBecomeEqual(t)
	r.proxy.down.Store(0)
	os.Rename(filepath.Join(r.src, "again"), filepath.Join(r.src, "go", "beneath"))
	r.mustBecomeEqual(t)
	r.sent(t, 10_000, "renaming 12,800 paths")
	os.RemoveAll(filepath.Join(r.src, "go"))
	r.city.Says(t, "held")
	confirm(t, r.dst)
	r.mustBecomeEqual(t)
}

// confirm releases a hold, as soon as there is one.
func confirm(t *testing.T, dst string) {
	t.Helper()
	stand.Await(t, "confirm", func() string {
		if out, code := stand.Run(t, "confirm", dst); code != 0 {
			return out
		}
		return ""
	})
}

func copyWith(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// TestGitCheckouts switches a working tree between commits that have nothing in common.
func TestGitCheckouts(t *testing.T) {
	stand.Needs(t, "git")
	r := newRig(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", r.src, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "gc.auto=0"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	for version := range 3 {
		for i := range 1500 {
			dir := filepath.Join(r.src, fmt.Sprintf("pkg%d", (i*(version+1))%97), fmt.Sprint("v", version%2))
			os.MkdirAll(dir, 0o755)
			text := strings.Repeat(fmt.Sprintf("line %d of version %d\n", i, version), 1+i%60)
			os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d.go", i)), []byte(text), 0o644)
		}
		git("add", "-A")
		git("commit", "-qm", fmt.Sprint("version ", version))
		git("tag", fmt.Sprint("v", version))
		git("rm", "-rq", ".")
	}
	git("checkout", "-qf", "v0")
	r.start(t)
	r.mustBecomeEqual(t)
	for _, tag := range []string{"v2", "v0", "v1", "v2"} {
		git("checkout", "-qf", tag)
	}
	r.mustBecomeEqual(t)
	git("checkout", "-qf", "v1")
	r.mustBecomeEqual(t)
}

// TestManySmallFiles is 100,000 files in 1,000 directories, fewer with -short.
func TestManySmallFiles(t *testing.T) {
	per := 100
	if testing.Short() || raceEnabled {
		per = 10
	}
	r := newRig(t)
	for d := range 1000 {
		dir := filepath.Join(r.src, fmt.Sprintf("%02d", d%40), fmt.Sprintf("dir%04d", d))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for f := range per {
			os.WriteFile(filepath.Join(dir, fmt.Sprint("f", f)), []byte(fmt.Sprintf("%09d\n", d*1000+f)), 0o644)
		}
	}
	r.start(t)
	stand.Equal(t, r.src, r.dst, r.capitol, r.city)
}

// TestDeepPaths goes down to a path of 4,000 bytes.
func TestDeepPaths(t *testing.T) {
	r := newRig(t)
	r.start(t)
	deep := r.src
	for i := 0; len(deep) < 4000-250; i++ {
		deep = filepath.Join(deep, strings.Repeat(string(rune('a'+i)), 240))
		if err := os.Mkdir(deep, 0o755); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(deep, "f"), []byte(deep[len(deep)-5:]), 0o644)
	}
	r.mustBecomeEqual(t)
	os.WriteFile(filepath.Join(deep, "f"), []byte("changed"), 0o644)
	r.mustBecomeEqual(t)
}

// TestGrowingLog appends lines while the writer keeps the file open: they arrive
// in order, and cost what they are, not the file again.
func TestGrowingLog(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.src, "app.log")
	random(t, path, 4<<20)
	r.start(t)
	r.mustBecomeEqual(t)
	r.proxy.down.Store(0)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 200 {
		fmt.Fprintf(f, "line %d of the log\n", i)
		if i%20 == 0 {
			r.mustBecomeEqual(t) // while it is still open
		}
	}
	r.mustBecomeEqual(t)
	r.sent(t, 300_000, "200 lines")
	os.Rename(path, path+".1") // and is rotated, the writer going on
	fmt.Fprintln(f, "after the rotation")
	os.WriteFile(path, []byte("a new log\n"), 0o644)
	r.mustBecomeEqual(t)
	r.sent(t, 100_000, "a rotation")
}

// TestALogThatNeverRests is one that grows from before the start and all the time: whoever
// debugs by it wants it now, and once.
func TestALogThatNeverRests(t *testing.T) {
	const size = 32 << 20
	r := newRig(t)
	random(t, filepath.Join(r.src, "app.log"), size)
	f, err := os.OpenFile(filepath.Join(r.src, "app.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for err = nil; ctx.Err() == nil && err == nil; time.Sleep(100 * time.Microsecond) {
			_, err = fmt.Fprintln(f, "a line of the log")
		}
		done <- errors.Join(err, f.Close())
	}()
	r.start(t)
	stand.Await(t, "the log is on the city", stand.Until(func() bool {
		fi, err := os.Stat(filepath.Join(r.dst, "app.log"))
		return err == nil && fi.Size() > size
	}), r.capitol, r.city)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.mustBecomeEqual(t)
	r.sent(t, 2*size, "a log of 32 MiB that grows")
}
