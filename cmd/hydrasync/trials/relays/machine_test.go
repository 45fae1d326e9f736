package relays

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var program string // the built binary, set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hydrasync-relays-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "hydrasync")
		if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience is for a state that has to come, on a machine that has other things to do.
const patience = 2 * time.Minute

// world is all machines of a test, and the chance that drives it.
type world struct {
	t        *testing.T
	dir, src string
	rng      *rand.Rand
	machines []*machine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("needs rsync")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HYDRASYNC_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("to run just this again: HYDRASYNC_SEED=%d HYDRASYNC_FAULTS=%s go test -run '^%s$' ./cmd/hydrasync/trials/relays", seed, os.Getenv("HYDRASYNC_FAULTS"), t.Name())
	w := &world{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 1))}
	w.src = filepath.Join(w.dir, "src")
	w.mkdir(w.src)
	return w
}

// size picks by HYDRASYNC_FAULTS.
func size(usual, ci, long int) int {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return usual
}

func (w *world) mkdir(dir string) {
	w.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// machine is a config file and the process that runs it.
type machine struct {
	w          *world
	name, file string
	addr       string // where it serves

	mu  sync.Mutex
	out bytes.Buffer
	cmd *exec.Cmd
	end chan struct{}
}

// machine makes one that serves on an address of its own; it does not run yet.
func (w *world) machine(name string) *machine {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	m := &machine{w: w, name: name, file: filepath.Join(w.dir, name+".toml"), addr: l.Addr().String()}
	w.machines = append(w.machines, m)
	w.t.Cleanup(m.kill)
	return m
}

// write replaces the config file at once; text follows what every machine has.
func (m *machine) write(text string) {
	m.w.t.Helper()
	head := fmt.Sprintf("name = %q\nstate = %q\nroots = [%q]\n", m.name, filepath.Join(m.w.dir, m.name+".state"), m.home(""))
	m.w.mkdir(m.home(""))
	serve := fmt.Sprintf("[serve]\nlisten = %q\n", m.addr)
	if err := os.WriteFile(m.file+".new", []byte(head+strings.Replace(text, "[serve]\n", serve, 1)), 0o600); err != nil {
		m.w.t.Fatal(err)
	}
	if err := os.Rename(m.file+".new", m.file); err != nil {
		m.w.t.Fatal(err)
	}
}

// home is where its replicas are.
func (m *machine) home(replica string) string {
	return filepath.Join(m.w.dir, m.name+".home", replica)
}

func (m *machine) url(tree string) string { return "ws://" + m.addr + "/" + tree }

func (m *machine) start() {
	m.w.t.Helper()
	m.cmd = exec.Command(program, "run", "--config", m.file, "--log-format", "json")
	m.cmd.Stdout, m.cmd.Stderr = m, m
	if err := m.cmd.Start(); err != nil {
		m.w.t.Fatal(err)
	}
	end := make(chan struct{})
	m.end = end
	go func(cmd *exec.Cmd) { cmd.Wait(); close(end) }(m.cmd)
}

// kill is kill -9.
func (m *machine) kill() {
	if m.cmd != nil {
		m.cmd.Process.Kill()
		<-m.end
	}
}

// stop asks politely.
func (m *machine) stop() {
	m.w.t.Helper()
	m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.end:
	case <-time.After(patience):
		m.kill()
		m.w.t.Errorf("%s did not end; it printed:\n%s", m.name, m.printed())
	}
}

func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(b)
}

func (m *machine) printed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.out.String()
	return s[max(0, len(s)-6000):]
}

// until waits for a state that can only be polled; lacking says what is missing.
func (w *world) until(what string, lacking func() string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		why := lacking()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			for _, m := range w.machines {
				w.t.Logf("%s printed:\n%s", m.name, m.printed())
			}
			w.t.Fatalf("still waiting for %s: %.4000s", what, why)
		}
	}
}

// equal waits until the judge finds a replica to be what it is to be.
func (w *world) equal(replica string, subDirs ...string) {
	w.t.Helper()
	w.until(replica+" to be equal", func() string {
		if len(subDirs) == 0 {
			return judge(w.src, replica)
		}
		top := map[string]bool{".hydrasync": true}
		for _, d := range subDirs {
			top[d] = true
			if _, err := os.Stat(filepath.Join(w.src, d)); err != nil {
				continue
			}
			if differ := judge(filepath.Join(w.src, d), filepath.Join(replica, d)); differ != "" {
				return differ
			}
		}
		entries, err := os.ReadDir(replica)
		if err != nil {
			return err.Error()
		}
		for _, e := range entries {
			if !top[e.Name()] {
				return e.Name() + " is not in its sub_dirs"
			}
		}
		return ""
	})
}

// judge is rsync with checksums, and then every byte.
func judge(src, dst string) string {
	out, err := exec.Command("rsync", "-rlptgoHnic", "--delete", "-O", "--exclude=/.hydrasync", src+"/", dst+"/").CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Sprintf("%v %s", err, out)
	}
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dst, strings.TrimPrefix(path, src)))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("bytes of %s differ", path)
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

// topDirs are what churn works in.
var topDirs = []string{"a", "b", "c"}

// churn does so many things to the source.
func (w *world) churn(steps int) {
	w.t.Helper()
	for range steps {
		top := filepath.Join(w.src, topDirs[w.rng.IntN(len(topDirs))])
		dir := filepath.Join(top, fmt.Sprintf("d%d", w.rng.IntN(4)))
		file := filepath.Join(dir, fmt.Sprintf("f%d", w.rng.IntN(6)))
		w.mkdir(dir)
		var err error
		switch w.rng.IntN(8) {
		case 0:
			err = os.RemoveAll(file)
		case 1:
			other := filepath.Join(w.src, topDirs[w.rng.IntN(len(topDirs))], fmt.Sprintf("d%d", w.rng.IntN(8)))
			w.mkdir(filepath.Dir(other))
			_ = os.Rename(dir, other) // not onto a full one
		case 2:
			_ = os.RemoveAll(file)
			err = os.Symlink(fmt.Sprint("to", w.rng.IntN(100)), file)
		case 3:
			if f, ferr := os.OpenFile(file+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); ferr == nil {
				fmt.Fprintln(f, "line", w.rng.IntN(1000))
				err = f.Close()
			}
		default:
			_ = os.RemoveAll(file)
			err = os.WriteFile(file, bytes.Repeat([]byte{byte(w.rng.IntN(256))}, w.rng.IntN(20_000)), 0o644)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
