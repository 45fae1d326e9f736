package trials

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// storm changes a tree as fast as it can in every way that a user could.
// Errors are fine: the storm runs over its own debris.
type storm struct {
	root string
	rng  *rand.Rand
	n    int
}

func newStorm(t *testing.T, root string) *storm {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("HYDRASYNC_TRIAL_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("storm seed: HYDRASYNC_TRIAL_SEED=%d", seed)
	return &storm{root: root, rng: rand.New(rand.NewPCG(seed, 0))}
}

// oddNames are what file names may be and programs forget.
var oddNames = []string{
	"new\nline", "tab\t", "quo\"te'`$(touch pwned)", "\x1b[31mred\x1b[0m", "\xff\xfe\xc3\x28", "-rf", " lead", "trail ", "...", "a\\b",
	"*?[x]", "#hash", "!bang", "naïve-é", strings.Repeat("n", 255), "con:aux", ".hidden", "~", "%s%n",
}

func (s *storm) name() string {
	if s.rng.IntN(8) == 0 {
		return oddNames[s.rng.IntN(len(oddNames))]
	}
	return fmt.Sprintf("%c%d", 'a'+rune(s.rng.IntN(4)), s.rng.IntN(6))
}

// path is somewhere up to three directories down, there or not.
func (s *storm) path() string {
	p := s.root
	for range s.rng.IntN(4) {
		p = filepath.Join(p, fmt.Sprintf("d%d", s.rng.IntN(4)))
	}
	return p + "/" + s.name()
}

func (s *storm) dir() string {
	p := s.root
	for range 1 + s.rng.IntN(3) {
		p += fmt.Sprintf("/d%d", s.rng.IntN(4))
	}
	return p
}

func (s *storm) bytes() []byte {
	size := s.rng.IntN(2000)
	if s.rng.IntN(20) == 0 {
		size = s.rng.IntN(400_000)
	}
	return bytes.Repeat([]byte(fmt.Sprintf("%08d.", s.rng.IntN(1e8))), 1+size/9)
}

func (s *storm) write(path string, flag int, b []byte) {
	f, err := os.OpenFile(path, flag|os.O_WRONLY|unix.O_NONBLOCK, 0o600+os.FileMode(s.rng.IntN(0o200)))
	if err != nil {
		return
	}
	f.Write(b)
	f.Close()
}

// removeAll is os.RemoveAll where the parent is a directory; a FIFO in its
// place would block the opening for ever.
func removeAll(path string) {
	if fi, err := os.Lstat(filepath.Dir(path)); err == nil && fi.IsDir() {
		os.RemoveAll(path)
	}
}

// step does one thing.
func (s *storm) step() {
	s.n++
	p := s.path()
	switch s.rng.IntN(26) {
	case 0, 1, 2, 3:
		s.write(p, os.O_CREATE|os.O_TRUNC, s.bytes())
	case 4, 5, 6:
		s.write(p, os.O_CREATE|os.O_APPEND, s.bytes())
	case 7:
		os.Truncate(p, int64(s.rng.IntN(3000)))
	case 8: // the same size, within the same tick
		b := s.bytes()
		s.write(p, os.O_CREATE|os.O_TRUNC, b)
		b[0] ^= 1
		s.write(p, 0, b)
	case 9, 10: // an editor's save
		s.write(p+"~", os.O_CREATE|os.O_TRUNC, s.bytes())
		os.Rename(p+"~", p)
	case 11, 12:
		os.MkdirAll(s.dir(), 0o755)
	case 13: // a chain of directory renames
		a, b, c := s.dir(), s.dir(), s.dir()
		os.Rename(a, b)
		os.Rename(b, c)
		os.Rename(c, a)
	case 14:
		unix.Renameat2(unix.AT_FDCWD, s.dir(), unix.AT_FDCWD, s.dir(), unix.RENAME_EXCHANGE)
	case 15:
		removeAll(s.path())
	case 16: // deleted and made again
		os.Remove(p)
		s.write(p, os.O_CREATE|os.O_TRUNC, s.bytes())
	case 17: // file, directory and link take turns
		removeAll(p)
		switch s.rng.IntN(3) {
		case 0:
			os.Mkdir(p, 0o700)
			s.write(p+"/inside", os.O_CREATE, s.bytes())
		case 1:
			os.Symlink([]string{"/etc/passwd", "../../outside", "d1", "dangling\xff"}[s.rng.IntN(4)], p)
		default:
			s.write(p, os.O_CREATE, s.bytes())
		}
	case 18:
		os.Chmod(p, os.FileMode(0o400+s.rng.IntN(0o400)))
	case 19:
		at := time.Unix(int64(s.rng.Uint32())-1e9, s.rng.Int64N(1e9))
		os.Chtimes(p, at, at)
	case 20:
		unix.Lsetxattr(p, "user.storm", s.bytes()[:8], 0)
	case 21:
		unix.Lremovexattr(p, "user.storm")
	case 22:
		os.Link(p, s.path())
	case 23:
		os.Rename(p, s.path())
	case 24:
		unix.Mkfifo(p, 0o600)
	case 25:
		if s.rng.IntN(10) == 0 {
			removeAll(s.dir())
		} else {
			s.mmapWrite(p)
		}
	}
}

// mmapWrite changes bytes without a write call, then closes.
func (s *storm) mmapWrite(p string) {
	f, err := os.OpenFile(p, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 || !fi.Mode().IsRegular() {
		return
	}
	f.WriteAt([]byte{byte(s.rng.IntN(256))}, fi.Size()/2)
}

// blow storms for d, with small pauses now and then so that watchers also meet single changes.
func (s *storm) blow(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.step()
		if s.rng.IntN(40) == 0 {
			time.Sleep(time.Duration(s.rng.IntN(30)) * time.Millisecond)
		}
	}
}

// A storm deletes most of a tree now and then, and means it.
var stormy = []string{"--max-delete", "100%"}

func stormTime(short time.Duration) time.Duration {
	if s, err := strconv.Atoi(os.Getenv("HYDRASYNC_TRIAL_SECONDS")); err == nil {
		return time.Duration(s) * time.Second
	}
	return short
}

func TestStormEndsEqual(t *testing.T) {
	r := newRig(t)
	r.cityArgs = stormy
	r.start(t)
	newStorm(t, r.src).blow(stormTime(5 * time.Second))
	r.mustBecomeEqual(t)
}

func TestStormWithBothEndsKilledAgainAndAgainEndsEqual(t *testing.T) {
	r := newRig(t)
	r.cityArgs = stormy
	r.start(t)
	s := newStorm(t, r.src)
	for end := time.Now().Add(stormTime(8 * time.Second)); time.Now().Before(end); {
		s.blow(time.Duration(100+s.rng.IntN(500)) * time.Millisecond)
		victim := []*stand.Process{r.capitol, r.city}[s.rng.IntN(2)]
		victim.Kill()
		s.blow(time.Duration(s.rng.IntN(100)) * time.Millisecond)
		victim.Again(t)
	}
	r.mustBecomeEqual(t)
	r.city.Stop(t)
	r.capitol.Stop(t)
}

func TestStormWithTheConnectionCutEndsEqual(t *testing.T) {
	r := newRig(t)
	r.cityArgs = stormy
	r.start(t)
	s := newStorm(t, r.src)
	for end := time.Now().Add(stormTime(6 * time.Second)); time.Now().Before(end); {
		s.blow(time.Duration(20+s.rng.IntN(300)) * time.Millisecond)
		r.proxy.cut()
	}
	r.mustBecomeEqual(t)
}

func TestReadersNeverSeeHalfAFile(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.src, "f")
	version := func(n int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%07d\n", n)), 1000+n%977) }
	os.WriteFile(path, version(0), 0o644)
	r.start(t)
	r.mustBecomeEqual(t)
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		reads := 0
		for {
			select {
			case <-stop:
				done <- reads
				return
			default:
			}
			b, err := os.ReadFile(filepath.Join(r.dst, "f"))
			if err != nil {
				t.Errorf("the name was missing: %v", err)
				continue
			}
			n, err := strconv.Atoi(strings.TrimLeft(string(b[:min(7, len(b))]), "0") + "")
			if err != nil && !bytes.HasPrefix(b, []byte("0000000")) || !bytes.Equal(b, version(n)) {
				t.Errorf("half a file: %d bytes, %.20q", len(b), b)
			}
			reads++
		}
	}()
	for n := 1; n < 300; n++ {
		os.WriteFile(path+".tmp", version(n), 0o644)
		os.Rename(path+".tmp", path)
		if n%10 == 0 {
			time.Sleep(15 * time.Millisecond)
		}
	}
	r.mustBecomeEqual(t)
	close(stop)
	if reads := <-done; reads == 0 {
		t.Error("nobody read")
	}
}
