package hostile

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// life is a mirror that goes on whatever happens to its state.
type life struct {
	t             *testing.T
	rand          *rand.Rand
	src, dst      string
	state         string
	older         map[string][]byte // state files as they were some rounds ago
	did           string            // to the state, in this round
	was           map[string]bool   // paths that the source ever had
	count, passes int
}

const foreignName, foreignBody = "a stranger's file", "not to be touched"

func newLife(t *testing.T, seed uint64) *life {
	dir := t.TempDir()
	l := &life{t: t, rand: rand.New(rand.NewPCG(seed, 7)), src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst"), state: filepath.Join(dir, "state"),
		was: map[string]bool{}}
	for i := range 60 {
		stand.Write(t, filepath.Join(l.src, fmt.Sprint("dir", i%6), fmt.Sprint("file", i)), l.bytes(200))
	}
	stand.Write(t, filepath.Join(l.src, "large"), l.bytes(3<<20)) // has a list of chunks
	stand.Write(t, filepath.Join(l.dst, foreignName), []byte(foreignBody))
	if out, code := l.mirror(); code != 0 {
		t.Fatalf("the first mirror ended with %d:\n%s", code, out)
	}
	return l
}

func (l *life) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.rand.Uint32())
	}
	return b
}

// args of a mirror. A damaged state is no reason to hold: nothing was deleted.
func (l *life) args(more ...string) []string {
	return append([]string{"mirror", l.src, l.dst, "--state", l.state, "--log-format", "json"}, more...)
}

func (l *life) mirror() (string, int) { return stand.Run(l.t, l.args("--once", "--timeout", "60s")...) }

// change does something to the source.
func (l *life) change() {
	for range 1 + l.rand.IntN(4) {
		l.count++
		name := filepath.Join(l.src, fmt.Sprint("dir", l.rand.IntN(6)), fmt.Sprint("file", l.rand.IntN(60)))
		switch l.rand.IntN(5) {
		case 0, 1:
			stand.Write(l.t, name, l.bytes(l.rand.IntN(400)))
		case 2:
			os.Remove(name)
		case 3:
			os.Rename(name, filepath.Join(l.src, fmt.Sprint("moved", l.count%10)))
		case 4:
			f, err := os.OpenFile(filepath.Join(l.src, "large"), os.O_RDWR, 0)
			if err != nil {
				l.t.Fatal(err)
			}
			f.WriteAt(l.bytes(100), l.rand.Int64N(3<<20))
			f.Close()
		}
	}
}

// files are those that carry state.
func (l *life) files() (paths []string) {
	for _, top := range []string{l.state, filepath.Join(l.dst, ".hydrasync")} {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && (d.Name() == "trash" || d.Name() == "staging") {
				return fs.SkipDir
			}
			if err == nil && d.Type().IsRegular() && !strings.Contains(d.Name(), ".damaged-") {
				paths = append(paths, path)
			}
			return nil
		})
	}
	return paths
}

// damage does one thing to one state file.
func (l *life) damage() {
	paths := l.files()
	if l.rand.IntN(3) > 0 { // mostly the journals
		paths = slices.DeleteFunc(paths, func(p string) bool { return !strings.Contains(p, "journal.db") || strings.HasSuffix(p, ".lock") })
	}
	path := paths[l.rand.IntN(len(paths))]
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	how := l.rand.IntN(8)
	if len(b) == 0 {
		how = 7
	}
	at := 0
	if len(b) > 0 {
		at = l.rand.IntN(len(b))
	}
	switch how {
	case 0, 1, 2:
		b[at] ^= 1 << l.rand.IntN(8)
		l.did = fmt.Sprintf("a bit flipped at %d of %d", at, len(b))
	case 3:
		b = b[:at]
		l.did = fmt.Sprintf("cut to %d", at)
	case 4:
		page := at &^ 4095
		clear(b[page:min(len(b), page+4096)])
		l.did = fmt.Sprintf("page at %d of %d zeroed", page, len(b))
	case 5:
		for i := at; i < min(len(b), at+40); i++ {
			b[i] = byte(l.rand.Uint32())
		}
		l.did = fmt.Sprintf("40 bytes at %d of %d overwritten", at, len(b))
	case 6:
		old, ok := l.older[path]
		if ok {
			b = old
		}
		l.did = fmt.Sprintf("rolled back: %v", ok)
	case 7:
		b = nil
		l.did = "lost"
	}
	rel, _ := filepath.Rel(filepath.Dir(l.src), path)
	l.did += " in " + rel
	if b == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// remember keeps state files to roll back to. A journal goes without its -wal then:
// only taken while nothing runs and nothing was killed.
func (l *life) remember() {
	l.older = map[string][]byte{}
	for _, path := range l.files() {
		if b, err := os.ReadFile(path); err == nil {
			l.older[path] = b
		}
	}
}

// killed runs a mirror and kills it in the midst of its work.
func (l *life) killed() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(20+l.rand.IntN(150))*time.Millisecond)
	defer cancel()
	exec.CommandContext(ctx, stand.Program(), l.args()...).Run()
	l.did = "killed; "
}

func (l *life) round(i int) {
	if i%5 == 0 {
		l.remember()
	}
	l.did = ""
	l.change()
	kill := l.rand.IntN(4) == 0
	if kill {
		l.killed()
	}
	before := l.did
	l.damage()
	l.did = before + l.did
	l.change()
	var said []string
	for path := range tree(l.t, l.src) {
		l.was[path] = true
	}
	for range 3 {
		out, code := l.mirror()
		l.passes++
		said = append(said, fmt.Sprintf("exit code %d\n%s", code, out))
		if panicked(out) {
			break
		}
		if code == 0 && len(l.wrong()) == 0 {
			l.adopt()
			return
		}
		if code != 0 && !strings.Contains(out, "hydrasync: hint: ") {
			break
		}
	}
	l.t.Errorf("round %d, after %s:\n%s\n%s", i, l.did, strings.Join(l.wrong(), "\n"), strings.Join(said, "\n"))
}

// wrong compares both trees. A city that lost its journal does not know what it made:
// what went from the source meanwhile stays, as if a stranger had put it there.
func (l *life) wrong() []string {
	got := tree(l.t, l.dst)
	diff := differences(tree(l.t, l.src), got, foreignName, l.was)
	if !strings.HasSuffix(got[foreignName], foreignBody) {
		diff = append(diff, "the stranger's file is not what it was: "+fmt.Sprint(slices.Sorted(maps.Keys(got))))
	}
	return diff
}

// adopt takes away what stays in the city after its journal was lost.
func (l *life) adopt() {
	want := tree(l.t, l.src)
	for path := range tree(l.t, l.dst) {
		if _, ok := want[path]; !ok && path != foreignName {
			os.RemoveAll(filepath.Join(l.dst, path))
		}
	}
}

// TestCampaignDamagedState damages one state file after another.
func TestCampaignDamagedState(t *testing.T) {
	t.Parallel()
	rounds := stand.Size(12, 40, 120)
	did := 0
	for _, seed := range stand.Seeds(t, 0, stand.Size(1, 4, 60)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			l := newLife(t, seed)
			for i := range rounds {
				if l.round(i); t.Failed() {
					t.Fatalf("again: HYDRASYNC_SEED=%d HYDRASYNC_SEEDS=1 HYDRASYNC_FAULTS=%s go test -run %s", seed, os.Getenv("HYDRASYNC_FAULTS"), t.Name())
				}
				did++
			}
		})
	}
	t.Logf("campaign state: %d damaged files", did)
}
