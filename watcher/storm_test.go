package watcher_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
	"golang.org/x/sys/unix"
)

// storm makes random changes to a tree. It knows nothing of what it made: a
// change that is not possible just now is none.
type storm struct {
	*rand.Rand
	root  string
	links bool
	odd   bool // names that are no text
}

func (s *storm) dir() string {
	path := s.root
	for range s.IntN(4) {
		path += "/d" + strconv.Itoa(s.IntN(4))
	}
	return path
}

func (s *storm) file() string {
	if s.odd && s.IntN(4) == 0 {
		return s.dir() + "/" + oddNames[s.IntN(len(oddNames))]
	}
	return s.dir() + "/f" + strconv.Itoa(s.IntN(6))
}

var oddNames = []string{
	"\xff\xfe", "new\nline", "\x1b[31mred", "-rf", " lead", "trail ", "...", "back\\slash", "$(touch x)", "*?[x]",
	strings.Repeat("n", 255), ".f.swp", "f~", "\u202eright to left", "e\u0301", "\u00e9",
}

func (s *storm) any() string {
	if s.IntN(3) == 0 {
		return s.dir() + "/d" + strconv.Itoa(s.IntN(4))
	}
	return s.file()
}

func (s *storm) text() []byte {
	b := make([]byte, s.IntN(200))
	if s.IntN(20) == 0 {
		b = make([]byte, 60_000+s.IntN(20_000))
	}
	for i := range b {
		b[i] = byte('a' + s.IntN(26))
	}
	return b
}

// step makes one change.
func (s *storm) step() {
	switch s.IntN(20) {
	case 0, 1, 2:
		os.MkdirAll(s.dir(), 0o755)
	case 3, 4, 5, 6:
		os.WriteFile(s.file(), s.text(), 0o644)
	case 7, 8:
		if f, err := os.OpenFile(s.file(), os.O_WRONLY|os.O_APPEND, 0); err == nil {
			f.Write(s.text())
			f.Close()
		}
	case 9:
		os.Truncate(s.file(), int64(s.IntN(100)))
	case 10, 11, 12:
		os.Rename(s.any(), s.any())
	case 13:
		unix.Renameat2(unix.AT_FDCWD, s.any(), unix.AT_FDCWD, s.any(), unix.RENAME_EXCHANGE)
	case 14:
		os.RemoveAll(s.any())
	case 15:
		if !s.links {
			return
		}
		os.Link(s.file(), s.file())
	case 16:
		os.Symlink(s.any(), s.file())
	case 17:
		if path := s.any(); path != s.root {
			unix.Fchmodat(unix.AT_FDCWD, path, uint32(0o700|s.IntN(64)), unix.AT_SYMLINK_NOFOLLOW)
		}
	case 18:
		unix.Lsetxattr(s.any(), "user.x", s.text()[:0], 0)
	case 19:
		os.Remove(s.file())
	}
}

// The storm runs while the watcher hears it, and in pauses of it; in the end
// the journal equals the disk. With hard links it may take a reconcile: a write
// through a link that came and went between two looks makes no other event.
func TestStorm(t *testing.T) {
	for i := range stormRuns() {
		seed := stormSeed(i)
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			t.Parallel()
			s := &storm{Rand: rand.New(rand.NewPCG(seed, 0)), links: seed%2 == 0}
			r := newRig(t)
			s.root = r.root
			mustNot(t, os.WriteFile(r.path("stays"), nil, 0o644))
			r.start()
			for range 6 {
				pause := time.Duration(s.IntN(3)) * 100 * time.Microsecond
				for range 50 + s.IntN(300) {
					s.step()
					if pause > 0 {
						time.Sleep(pause)
					}
				}
				switch s.IntN(4) {
				case 0:
					r.halt()
					for range 50 {
						s.step()
					}
					r.start()
				case 1:
					s.settle(r)
				}
			}
			s.settle(r)
			r.probe()
		})
	}
}

func (s *storm) settle(r *rig) {
	if s.links {
		mustNot(r.t, r.w.Reconcile(context.Background()))
	}
	r.settle()
}

// probe writes a file into every directory: each has to be heard.
func (r *rig) probe() {
	r.t.Helper()
	filepath.WalkDir(r.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			mustNot(r.t, os.WriteFile(path+"/probe", nil, 0o644))
		}
		return nil
	})
	r.settle()
}

func stormRuns() int {
	if n, err := strconv.Atoi(os.Getenv("STORMS")); err == nil {
		return n
	}
	return 10
}

func stormSeed(i int) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("STORM_SEED"), 10, 64); err == nil {
		return n + uint64(i)
	}
	return uint64(i + 1)
}

// A file or directory that is only moved about keeps its node and its
// generation, though whole directories move several times before anybody looks. (Two files
// exchanged by one call, whose directory moves in the same instant, may not.)
func TestStormOfMovesKeepsNodes(t *testing.T) {
	// A node that is missed for a whole window is another one: this one is longer than a busy
	// machine stands still.
	r := newRig(t, func(c *watcher.Config) { c.Debounce, c.MaxWait = time.Second, 30*time.Second })
	const n, burst = 30, 5
	for i := range n {
		mustNot(t, os.MkdirAll(r.path(fmt.Sprintf("d%d/sub", i%5)), 0o755))
		mustNot(t, os.WriteFile(r.path(fmt.Sprintf("d%d/sub/f%d", i%5, i)), []byte(strconv.Itoa(i)), 0o644))
	}
	r.start()
	r.settle()
	ids := func() map[string]journal.Stored {
		_, rows, err := inJournal(context.Background(), r.j)
		mustNot(t, err)
		by := map[string]journal.Stored{}
		for _, row := range rows {
			if row.Node.Kind == journal.File {
				by[row.Node.Body.Digest.String()] = row
			}
		}
		return by
	}
	before := ids()
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 400 {
		if i%burst == 0 {
			r.settle()
		}
		r.moveOne(rng)
	}
	r.settle()
	lost := 0
	for digest, row := range ids() {
		if was := before[digest]; was.Node.ID != row.Node.ID || was.Node.Body != row.Node.Body {
			lost++
			t.Logf("%q is node %d, was %d", row.Node.Name, row.Node.ID, was.Node.ID)
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d files are other nodes than before", lost, n)
	}
	r.probe()
}

func (r *rig) moveOne(rng *rand.Rand) {
	var paths []string
	filepath.WalkDir(r.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && path != r.root {
			paths = append(paths, path)
		}
		return nil
	})
	from, to := paths[rng.IntN(len(paths))], paths[rng.IntN(len(paths))]
	if isDir(from) && isDir(to) && rng.IntN(2) == 0 {
		unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
		return
	}
	unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, filepath.Dir(to)+"/m"+strconv.Itoa(rng.IntN(1000)), unix.RENAME_NOREPLACE)
}

func isDir(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.IsDir()
}
