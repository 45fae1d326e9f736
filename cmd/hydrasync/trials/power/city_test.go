package power

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"github.com/hydrasync/hydrasync/journal"
)

// recordCity runs the script with the city, and its journal, on a disk that records.
func recordCity(t *testing.T, f fileSystem, seed uint64, steps []step) *recording {
	t.Helper()
	s := newStage(t, f)
	s.dst = filepath.Join(s.mnt, "dst")
	s.record(seed, steps, nil)
	s.city.Kill()
	return s.finish()
}

// judgeCity looks at what is left of a city: the tree, its journal, and, if it is
// to be restarted, what becomes of it.
func (r *recording) judgeCity(t *testing.T) inspect {
	want, links := mustWalk(t, r.src)
	return func(c crash, mnt string, restart bool) error {
		dst := filepath.Join(mnt, "dst")
		got, err := walk(dst)
		if err != nil {
			return err
		}
		read := func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dst, path)) }
		if err := r.history.judge(c.at, got, read); err != nil {
			return err
		}
		if err := r.judgeRows(c, filepath.Join(dst, ".hydrasync")); err != nil {
			return err
		}
		if !restart {
			return nil
		}
		return r.restartCity(t, dst, want, links)
	}
}

// judgeRows demands that the journal is whole, knows what was confirmed, and says of
// every node something that the source was.
func (r *recording) judgeRows(c crash, folder string) error {
	from, to, last := r.history.window(c.at)
	if _, err := os.Stat(filepath.Join(folder, "journal.db")); os.IsNotExist(err) && last.seq == 0 {
		return nil // the power went before there was one
	}
	return readJournal(folder, func(j *journal.Journal) error {
		switch {
		case j == nil && last.seq == 0:
			return nil
		case j == nil:
			return fmt.Errorf("the journal is empty, %d was confirmed", last.seq)
		}
		if at := uint64(j.Position().Seq); at < last.seq {
			return fmt.Errorf("the journal is at %d, %d was confirmed", at, last.seq)
		}
		told, err := rows(j)
		if err != nil {
			return err
		}
		views := r.history.views[from : to+1]
		for path := range union(append([]tree{told}, views...)...) {
			if have := told.at(path); !toldSo(views, path, have) && !(have.mode == absent && len(views) > 1 && last.moves) {
				return fmt.Errorf("the journal has %q as %v; it was confirmed as %v", path, have, views[0].at(path))
			}
		}
		return nil
	})
}

func toldSo(views []tree, path string, have thing) bool {
	for _, v := range views {
		if v.at(path).lean() == have {
			return true
		}
	}
	return false
}

// restartCity lets the city go on from what is left, until both ends are proven equal.
func (r *recording) restartCity(t *testing.T, dst string, want tree, links map[string]string) error {
	out, code := stand.Run(t, "city", "--from", "ws://"+r.listen+"/t", "--to", dst, "--log-format", "json", "--log-level", "debug", "--yes", "--once")
	if code != 0 {
		return fmt.Errorf("the restarted city ended with %d:\n%s", code, out)
	}
	s := stage{recording: r, dst: dst}
	if wrong := s.equal(want, links); wrong != "" {
		return fmt.Errorf("the restarted city is not equal: %s\n%s", wrong, out)
	}
	for _, name := range []string{"staging", "parked"} {
		left, err := files(filepath.Join(dst, ".hydrasync", name))
		if err != nil || len(left) > 0 {
			return fmt.Errorf("left in %s: %q %v\n%s", name, left, err, out)
		}
	}
	return readJournal(filepath.Join(dst, ".hydrasync"), func(*journal.Journal) error { return nil })
}

// A city's machine loses its power: promises 1 and 2.
func TestCampaignPowerCity(t *testing.T) {
	stand.NeedsRoot(t)
	kinds := []fileSystem{ordered, unlogged, xfs, writeback, btrfs}[:stand.Size(2, 3, 5)]
	for _, f := range kinds {
		for _, seed := range stand.Seeds(t, 1, 1) {
			t.Run(fmt.Sprintf("%s, HYDRASYNC_SEED=%d", f.name, seed), func(t *testing.T) {
				r := recordCity(t, f, seed, append(steps(), random(stand.Size(4, 10, 30))...))
				crashes := r.crashes(t, stand.Size(40, 60, 4000), seed)
				count := r.try(t, crashes, stand.Size(13, 12, 20), r.judgeCity(t))
				t.Logf("campaign power: city on %s: %v", f.name, count)
			})
		}
	}
}
