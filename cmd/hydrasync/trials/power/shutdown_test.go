package power

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"github.com/hydrasync/hydrasync/journal"
)

// goingDown is EXT4_IOC_SHUTDOWN, and the same of XFS: from then on every call that needs
// the disk fails, and nothing that was not flushed ever reaches it.
const goingDown = 0x8004587d

// How it goes down.
const (
	logFlushed = 1
	noFlush    = 2
)

func shutDown(t *testing.T, mnt string, how uint32) {
	t.Helper()
	dir, err := os.Open(mnt)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), goingDown, int(how)); err != nil {
		t.Fatalf("shut %s down: %v", mnt, err)
	}
}

// A city's disk goes away under it while it works: unlike after a power cut the
// program is there to see it. It confirms nothing that is not there afterwards,
// says what is wrong, and goes on where it was when the disk is back.
func TestCampaignPowerDiskGoes(t *testing.T) {
	stand.NeedsRoot(t)
	for _, f := range []fileSystem{ordered, xfs, writeback}[:stand.Size(1, 2, 3)] {
		for _, seed := range stand.Seeds(t, 1, 1) {
			t.Run(fmt.Sprintf("%s, HYDRASYNC_SEED=%d", f.name, seed), func(t *testing.T) {
				g := &going{stage: newStage(t, f), rng: rand.New(rand.NewPCG(seed, 4))}
				n := stand.Size(3, 5, 200)
				g.run(n)
				t.Logf("campaign power: %s shut down: %d times, 0 failures", f.name, n)
			})
		}
	}
}

// going is a city whose disk goes away, and comes back.
type going struct {
	*stage
	rng    *rand.Rand
	script *script
	path   string // of the disk
}

func (g *going) run(times int) {
	g.t.Helper()
	g.dst = filepath.Join(g.mnt, "dst")
	g.path = filepath.Join(g.bench.dir, "disk1")
	g.record(g.rng.Uint64(), nil, nil)
	g.script = &script{t: g.t, src: g.src, rng: g.rng, n: 1_000_000, tick: 1_000_000, see: func() { g.history.see(g.t, g.src) }}
	for i := range times {
		g.once(uint32(noFlush - i%2))
		g.disk.begin() // the log is not looked at
	}
}

func (g *going) once(how uint32) {
	g.t.Helper()
	last := &g.history.marks[len(g.history.marks)-1]
	last.moves = true
	before := 1 + g.rng.IntN(6)
	for range before {
		g.script.act()
	}
	time.Sleep(time.Duration(g.rng.IntN(60)) * time.Millisecond) // anywhere in the city's work: the test waits for nothing here
	shutDown(g.t, g.mnt, how)
	for range 3 {
		g.script.act()
	}
	g.saysSo()
	acked := g.acked()
	g.city.Kill()
	g.comesBack(acked)
}

// saysSo waits until the city tells what is wrong: to those who ask, where the file system still
// lets them reach it (XFS does not), or, having ended over it, in its last line.
func (g *going) saysSo() {
	g.t.Helper()
	stand.Await(g.t, "the city tells that its disk fails", func() string {
		if g.city.Ended() {
			if !strings.Contains(g.city.Printed(), "hydrasync: error: ") {
				return "it ended without a word"
			}
			return ""
		}
		r, err := stand.Status(filepath.Join(g.dst, ".hydrasync"))
		if !errors.Is(err, unix.EIO) && (err != nil || r.State != "disk error" || r.Why == "") {
			return fmt.Sprintf("state %q, why %q, %v", r.State, r.Why, err)
		}
		return ""
	}, g.capitol, g.city)
}

// acked is what the capitol has ever heard to be on the city's disk.
func (g *going) acked() uint64 {
	g.t.Helper()
	folder, err := stand.StateOf(g.state)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := stand.Status(folder)
	if err != nil {
		g.t.Fatal(err)
	}
	seq := uint64(0)
	for _, c := range r.Cities {
		seq = max(seq, c.Acked)
	}
	return seq
}

func (g *going) comesBack(acked uint64) {
	g.t.Helper()
	if err := unmount(g.mnt); err != nil {
		g.t.Fatal(err)
	}
	if err := g.fs.mount(g.path, g.mnt); err != nil {
		g.t.Fatal(err)
	}
	got, err := walk(g.dst)
	if err != nil {
		g.t.Fatal(err)
	}
	read := func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(g.dst, path)) }
	if err := g.history.judge(math.MaxInt, got, read); err != nil {
		g.t.Fatal(err)
	}
	err = readJournal(filepath.Join(g.dst, ".hydrasync"), func(j *journal.Journal) error {
		if j == nil || uint64(j.Position().Seq) < acked {
			return fmt.Errorf("the journal is not at %d, which was confirmed", acked)
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	g.city = stand.Start(g.t, "city", "--from", "ws://"+g.listen+"/t", "--to", g.dst, "--log-format", "json", "--yes")
	g.confirm("the disk is back", nil)
}
