package hostile

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"golang.org/x/sys/unix"
)

// The bytes that must never leave: they lie beside the source.
var canarySecret = []byte("CANARY-THAT-NOBODY-MAY-PUBLISH")

// TestCampaignSwappedSource flips directories and files of a source for links to what
// lies beside it, as a local user may who can write there, while a mirror runs and
// both are changed again and again. Nothing from outside may turn up in the
// replica, its trash or a journal. The control reads by plain paths and has to be fooled.
func TestCampaignSwappedSource(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	src, dst, canary := filepath.Join(base, "src"), filepath.Join(base, "dst"), filepath.Join(base, "canary")
	for i := range 10 {
		stand.Write(t, filepath.Join(src, "sub", fmt.Sprint("f", i)), []byte("inside"))
		stand.Write(t, filepath.Join(canary, fmt.Sprint("f", i)), canarySecret)
		stand.Write(t, filepath.Join(canary, "deep", fmt.Sprint("f", i)), canarySecret)
	}
	stand.Write(t, filepath.Join(src, "file"), []byte("inside"))
	for name, target := range map[string]string{"link": canary, "filelink": filepath.Join(canary, "f0")} {
		if err := os.Symlink(target, filepath.Join(src, name)); err != nil {
			t.Fatal(err)
		}
	}
	p := stand.Start(t, "mirror", src, dst, "--state", filepath.Join(base, "state"), "--log-format", "json", "--debounce", "1ms", "--reconcile", "1s")
	p.Says(t, `"in step"`)

	var stop atomic.Bool
	flips := flip(&stop, [2]string{src + "/sub", src + "/link"}, [2]string{src + "/file", src + "/filelink"})
	fooled, rounds := 0, 0
	for end := time.Now().Add(time.Duration(stand.Size(2, 10, 300)) * time.Second); time.Now().Before(end); rounds++ {
		name := fmt.Sprint("f", rounds%10)
		os.Chtimes(filepath.Join(src, "file"), time.Now(), time.Now()) // something to look at
		touch(src+"/sub/"+name, fmt.Sprint("inside ", rounds))
		for range 50 {
			if b, _ := os.ReadFile(src + "/sub/" + name); bytes.Equal(b, canarySecret) {
				fooled++
			}
		}
	}
	stop.Store(true)
	n := <-flips
	if fooled < 100 {
		t.Fatalf("plain reads were fooled %d times in %d flips: this test proves nothing", fooled, n)
	}
	stand.Await(t, "the mirror is at rest", func() string {
		out, code := stand.Run(t, "verify", dst)
		if code == 0 {
			return ""
		}
		return out
	}, p)
	p.Kill() // what is searched must not change meanwhile
	searched := 0
	for _, top := range []string{dst, filepath.Join(base, "state")} {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			searched++
			if b, _ := os.ReadFile(path); bytes.Contains(b, canarySecret) { // a regular file: nothing is followed
				t.Errorf("%s holds what lies outside of the source", path)
			}
			return nil
		})
	}
	t.Logf("campaign source races: %d flips, plain reads fooled %d times, the mirror never; %d files searched", n, fooled, searched)
}

// flip exchanges pairs of names as fast as it can; the channel tells how often.
func flip(stop *atomic.Bool, pairs ...[2]string) <-chan int {
	done := make(chan int, 1)
	go func() {
		n := 0
		for ; !stop.Load(); n++ {
			p := pairs[n%len(pairs)]
			unix.Renameat2(unix.AT_FDCWD, p[0], unix.AT_FDCWD, p[1], unix.RENAME_EXCHANGE)
		}
		if n/len(pairs)%2 == 1 { // as it was, if it can be
			for _, p := range pairs {
				unix.Renameat2(unix.AT_FDCWD, p[0], unix.AT_FDCWD, p[1], unix.RENAME_EXCHANGE)
			}
		}
		done <- n
	}()
	return done
}

// touch rewrites a file inside the source only: the canary stays what it is.
func touch(path, body string) {
	dir, err := unix.Openat2(unix.AT_FDCWD, filepath.Dir(path), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY, Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, filepath.Base(path), unix.O_WRONLY|unix.O_TRUNC|unix.O_CREAT|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	unix.Write(fd, []byte(body))
}
