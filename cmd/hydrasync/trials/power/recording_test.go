package power

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"golang.org/x/sys/unix"
)

// recording is one run of the script with everything that its disk was told.
type recording struct {
	fs      fileSystem
	bench   *bench
	before  blocks
	log     []record
	history *history
	fixed   string // where crash states have to be mounted; empty: anywhere
	src     string // as it is at the end
	listen  string // where the capitol serves it, still
	capitol *stand.Process
}

// stage is a recording while it is made.
type stage struct {
	*recording
	t     *testing.T
	disk  *disk
	mnt   string
	dst   string
	state string
	city  *stand.Process
}

// newStage sets up an empty file system on a disk that records.
func newStage(t *testing.T, f fileSystem) *stage {
	t.Helper()
	r := &recording{fs: f, bench: newBench(t), history: newHistory(), listen: stand.Address(t)}
	r.history.loose = f.fsck != nil
	d, path := r.bench.plug(t, f.size)
	d.put(f.image(t))
	s := &stage{recording: r, t: t, disk: d, mnt: t.TempDir()}
	if err := f.mount(path, s.mnt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(s.mnt, unix.MNT_DETACH) }) // if the test failed
	dir := t.TempDir()
	s.src, s.dst, s.state = filepath.Join(dir, "src"), filepath.Join(dir, "dst"), filepath.Join(dir, "state")
	return s
}

// record runs the script; steps end with a confirmation.
func (s *stage) record(seed uint64, steps []step, confirmed func(m *mark)) {
	s.t.Helper()
	if err := os.MkdirAll(s.src, 0o755); err != nil {
		s.t.Fatal(err)
	}
	script := &script{t: s.t, src: s.src, rng: rand.New(rand.NewPCG(seed, 3)), see: func() { s.history.see(s.t, s.src) }}
	script.plant()
	s.before = s.disk.begin()
	s.capitol = stand.Start(s.t, "capitol", "--tree", "t="+s.src, "--listen", s.listen, "--state", s.state, "--log-format", "json")
	s.city = stand.Start(s.t, "city", "--from", "ws://"+s.listen+"/t", "--to", s.dst, "--log-format", "json", "--yes")
	s.confirm("the first copy", confirmed)
	for i, step := range steps {
		s.history.marks[len(s.history.marks)-1].moves = step.moves
		if i%4 == 0 {
			rest(s.t, s.journals()...)
		}
		stop := s.bystander(i%3 == 2)
		step.do(script)
		s.confirm(step.name, confirmed)
		stop()
	}
}

// journals are those on the disk.
func (s *stage) journals() (list []string) {
	for _, pattern := range []string{"dst/.hydrasync/journal.db", "state/*/journal.db"} {
		found, _ := filepath.Glob(filepath.Join(s.mnt, pattern))
		list = append(list, found...)
	}
	return list
}

// bystander is another program that flushes files of its own on that disk: names
// of others reach it with them, and bytes of others do not.
func (s *stage) bystander(on bool) (stop func()) {
	if !on {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
			f, err := os.Create(filepath.Join(s.mnt, "bystander"))
			if err == nil {
				fmt.Fprintln(f, i)
				f.Sync()
				f.Close()
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// confirm waits until the capitol has heard that the city has all, and marks the log.
func (s *stage) confirm(what string, confirmed func(m *mark)) {
	s.t.Helper()
	want, links := mustWalk(s.t, s.src)
	m := mark{view: len(s.history.views) - 1}
	stand.Await(s.t, what, func() string {
		if wrong := s.equal(want, links); wrong != "" {
			return wrong
		}
		folder, err := stand.StateOf(s.state)
		if err != nil {
			return err.Error()
		}
		r, err := stand.Status(folder)
		if err != nil || len(r.Cities) != 1 || r.Cities[0].Acked != r.Seq {
			return fmt.Sprintf("%+v %v", r, err)
		}
		m.seq = r.Seq
		return ""
	}, s.capitol, s.city)
	m.at = s.disk.now()
	if confirmed != nil {
		confirmed(&m)
	}
	s.history.marks = append(s.history.marks, m)
}

func (s *stage) equal(want tree, links map[string]string) string {
	got, err := walk(s.dst)
	if err != nil {
		return err.Error()
	}
	if wrong := differ(want, got); wrong != "" {
		return wrong
	}
	if got := linked(s.dst, got); fmt.Sprint(got) != fmt.Sprint(links) {
		return fmt.Sprintf("hard links %v, want %v", got, links)
	}
	return ""
}

// finish takes the disk away and keeps what it was told.
func (s *stage) finish() *recording {
	s.t.Helper()
	s.log = s.disk.end()
	if err := unmount(s.mnt); err != nil {
		s.t.Fatal(err)
	}
	return s.recording
}

func (r *recording) flushes() (n int) {
	for i := range r.log {
		if r.log[i].flush() {
			n++
		}
	}
	return n
}
