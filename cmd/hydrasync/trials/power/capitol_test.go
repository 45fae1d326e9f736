package power

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"github.com/hydrasync/hydrasync/journal"
)

// recordCapitol runs the script with the capitol's journal on a disk that records, and the source
// too if it is to be there. The city has a disk of its own, of which each
// confirmation keeps a copy: what the city had seen when the power went.
func recordCapitol(t *testing.T, f fileSystem, seed uint64, steps []step, source bool) *recording {
	t.Helper()
	s := newStage(t, f)
	s.state = filepath.Join(s.mnt, "state")
	if source {
		s.src, s.fixed = filepath.Join(s.mnt, "src"), s.mnt // the state's folder is named by the source's path
	}
	disk, path := s.bench.plug(t, ordered.size)
	disk.put(ordered.image(t))
	mnt := mustMount(t, &ordered, path)
	s.dst = filepath.Join(mnt, "dst")
	s.record(seed, steps, func(m *mark) {
		freeze(t, s.city) // as kill -9 would leave it
		syncAll(t, mnt)
		m.city = disk.begin()
		err := readJournal(filepath.Join(s.dst, ".hydrasync"), func(j *journal.Journal) error {
			m.seen = j.Position()
			return nil
		})
		s.city.Signal(syscall.SIGCONT)
		if err != nil {
			t.Fatal(err)
		}
	})
	s.city.Kill()
	s.capitol.Kill()
	if err := unmount(mnt); err != nil {
		t.Fatal(err)
	}
	return s.finish()
}

func syncAll(t *testing.T, mnt string) {
	t.Helper()
	dir, err := os.Open(mnt)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		t.Fatal(err)
	}
}

// judgeCapitol looks at what is left of a capitol's journal: no city that
// has seen it may have seen more. A restart must bring the city back to
// what the source is, whether it saw as much as it had confirmed, or more.
func (r *recording) judgeCapitol(t *testing.T, source bool) inspect {
	return func(c crash, mnt string, restart bool) error {
		_, _, last := r.history.window(c.at)
		folder, err := stand.StateOf(filepath.Join(mnt, "state"))
		if err == nil {
			err = readJournal(folder, func(j *journal.Journal) error { return knows(j, last.seen) })
		}
		if err != nil && last.seq > 0 {
			return err
		}
		if !restart || last.seq == 0 {
			return nil
		}
		src := r.src
		if source {
			src = filepath.Join(mnt, "src")
		}
		city := last.city
		if c.seed%2 == 0 { // a city that has seen more than the disk kept
			city = r.history.marks[len(r.history.marks)-1].city
		}
		return r.restartCapitol(t, src, filepath.Join(mnt, "state"), city)
	}
}

// knows says whether a city with this position can resume.
func knows(j *journal.Journal, seen journal.Position) error {
	if seen.IsZero() {
		return nil
	}
	if j == nil {
		return fmt.Errorf("the journal is empty, a city has seen %d", seen.Seq)
	}
	verdict, err := j.Check(context.Background(), seen)
	if err != nil || verdict != journal.Resumable {
		return fmt.Errorf("a city has seen %d, the journal is at %d: %v %v", seen.Seq, j.Position().Seq, verdict, err)
	}
	return nil
}

// restartCapitol starts it on what is left, and a city that knew it.
func (r *recording) restartCapitol(t *testing.T, src, state string, city blocks) error {
	disk, path := r.bench.plug(t, ordered.size)
	defer r.bench.unplug(path)
	disk.put(maps.Clone(city))
	mnt, err := os.MkdirTemp(stand.Scratch(), "city")
	if err != nil {
		return err
	}
	defer os.Remove(mnt)
	if err := ordered.mount(path, mnt); err != nil {
		return err
	}
	defer unmount(mnt)
	dst := filepath.Join(mnt, "dst")
	before, err := files(filepath.Join(dst, trash))
	if err != nil {
		return err
	}
	listen := stand.Address(t)
	capitol := stand.Start(t, "capitol", "--tree", "t="+src, "--listen", listen, "--state", state, "--log-format", "json")
	defer capitol.Kill()
	out, code := stand.Run(t, "city", "--from", "ws://"+listen+"/t", "--to", dst, "--log-format", "json", "--yes", "--once")
	if code != 0 {
		return fmt.Errorf("the city ended with %d:\n%s\nthe capitol:\n%s", code, out, capitol.Printed())
	}
	want, err := walk(src)
	if err != nil {
		return err
	}
	s := stage{recording: r, dst: dst}
	if wrong := s.equal(want, linked(src, want)); wrong != "" {
		return fmt.Errorf("not equal: %s\n%s\nthe capitol:\n%s", wrong, out, capitol.Printed())
	}
	return broughtBack(dst, before, want)
}

// trash is where a city keeps what it took away.
const trash = ".hydrasync/trash"

// broughtBack looks in the trash for what was taken away and came again.
func broughtBack(dst string, before []string, want tree) error {
	list, err := files(filepath.Join(dst, trash))
	if err != nil {
		return err
	}
	for _, name := range list {
		if slices.Contains(before, name) {
			continue
		}
		_, path, _ := strings.Cut(name, "/")
		had, err := look(filepath.Join(dst, trash, name))
		if err != nil {
			return err
		}
		if had.mode.IsRegular() && had == want.at(path) {
			return fmt.Errorf("%q was taken away and brought back", path)
		}
	}
	return nil
}

// A capitol's machine loses its power, its source being elsewhere: promise 4.
func TestCampaignPowerCapitol(t *testing.T) {
	tryCapitol(t, false)
}

// A capitol's machine loses its power, and with it what was written to the
// source and not flushed: the city follows what is left.
func TestCampaignPowerSource(t *testing.T) {
	tryCapitol(t, true)
}

func tryCapitol(t *testing.T, source bool) {
	stand.NeedsRoot(t)
	what := "capitol"
	if source {
		what = "capitol with source"
	}
	for _, f := range []fileSystem{ordered, xfs, writeback, btrfs, unlogged}[:stand.Size(1, 2, 5)] {
		for _, seed := range stand.Seeds(t, 1, 1) {
			t.Run(fmt.Sprintf("%s, HYDRASYNC_SEED=%d", f.name, seed), func(t *testing.T) {
				script := append(steps(), random(stand.Size(0, 10, 30))...)
				if os.Getenv("HYDRASYNC_FAULTS") == "" {
					script = script[:12]
				}
				r := recordCapitol(t, f, seed, script, source)
				crashes := r.crashes(t, stand.Size(25, 30, 2000), seed)
				count := r.try(t, crashes, stand.Size(10, 8, 20), r.judgeCapitol(t, source))
				t.Logf("campaign power: %s on %s: %v", what, f.name, count)
			})
		}
	}
}
