package power

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tally counts what a campaign found.
type tally struct {
	states, restarts, failures atomic.Int64
}

func (c *tally) String() string {
	return fmt.Sprintf("%d states, %d restarts, %d failures", c.states.Load(), c.restarts.Load(), c.failures.Load())
}

// inspect judges one crash state on a mounted disk.
type inspect func(c crash, mnt string, restart bool) error

// try makes the crash states and judges them; every nth is restarted. Each lane has a disk
// and a mount of its own.
func (r *recording) try(t *testing.T, crashes []crash, nth int, judge inspect) *tally {
	t.Helper()
	count := new(tally)
	lanes := 2
	if r.fixed != "" || r.fs.kind == "btrfs" { // which takes two disks with the same content for one
		lanes = 1
	}
	began := time.Now()
	var wg sync.WaitGroup
	for l := range lanes {
		mine := crashes[len(crashes)*l/lanes : len(crashes)*(l+1)/lanes]
		d, path := r.bench.plug(t, r.fs.size)
		mnt := cmp.Or(r.fixed, t.TempDir())
		wg.Go(func() { r.tryLane(t, mine, nth, lane{d, path, mnt}, count, judge) })
	}
	wg.Wait()
	t.Logf("%s: %d records, %d flushes, %d confirmations: %v in %v", r.fs.name, len(r.log), r.flushes(), len(r.history.marks), count, time.Since(began).Round(time.Millisecond))
	return count
}

// lane is where one crash state after the other is looked at.
type lane struct {
	disk *disk
	path string
	mnt  string
}

// enough failures say what there is to say.
const enough = 20

func (r *recording) tryLane(t *testing.T, crashes []crash, nth int, l lane, count *tally, judge inspect) {
	replay := newReplay(r.before, r.log)
	for i, c := range crashes {
		content := replay.state(c)
		err := r.tryOne(c, content, l, i%nth == nth-1, judge)
		count.states.Add(1)
		if i%nth == nth-1 {
			count.restarts.Add(1)
		}
		if err == nil {
			continue
		}
		t.Errorf("%s, %v: %v%s", r.fs.name, c, err, r.keep(t, c, replay))
		if count.failures.Add(1) >= enough {
			return
		}
	}
}

func (r *recording) tryOne(c crash, content blocks, l lane, restart bool, judge inspect) error {
	l.disk.put(content)
	if err := r.fs.mount(l.path, l.mnt); err != nil {
		return err
	}
	err := judge(c, l.mnt, restart)
	if gone := unmount(l.mnt); gone != nil && err == nil {
		err = fmt.Errorf("unmount: %w", gone)
		unix.Unmount(l.mnt, unix.MNT_DETACH)
	}
	return err
}

// keep writes the state that failed to where HYDRASYNC_TRIAL_KEEP says.
func (r *recording) keep(t *testing.T, c crash, replay *replay) string {
	dir := os.Getenv("HYDRASYNC_TRIAL_KEEP")
	if dir == "" {
		return "\nagain, with HYDRASYNC_TRIAL_KEEP=DIR, to keep the image: go test -run '^" + t.Name() + "$' ./cmd/hydrasync/trials/power"
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%d-%d.img", r.fs.kind, c.at, c.loss, c.seed))
	if err := replay.state(c).save(path, r.fs.size); err != nil {
		return "\nkeep the image: " + err.Error()
	}
	return "\nkept: mount -o loop," + r.fs.options + " " + path + " DIR; the source is " + r.src
}

func (b blocks) save(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for n, data := range b {
		if _, err := f.WriteAt(data, n*blockSize); err != nil {
			return err
		}
	}
	return f.Truncate(size)
}

// files lists what is in a directory at any depth, but directories.
func files(dir string) (list []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path[len(dir)+1:])
		}
		return ignoreAbsent(err)
	})
	return list, err
}
