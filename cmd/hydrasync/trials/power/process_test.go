package power

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is for states that come, on a machine that has other things to do.
const patience = time.Minute

// inside says that this process has mounts of its own.
const inside = "HYDRASYNC_POWER_INSIDE"

// TestMain runs the tests with mounts of their own: whatever ends them, the
// kernel takes their mounts and loop devices away.
func TestMain(m *testing.M) {
	if os.Getuid() != 0 || os.Getenv(inside) != "" {
		os.Exit(runAll(m))
	}
	runtime.LockOSThread() // the child ends with the thread that began it
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Println("have mounts of our own:", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// scratch is a folder with a short name, where the program is built.
var scratch string

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hydrapower-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	return m.Run()
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: mounts and loop devices")
	}
}

// program is the binary that is tried, built when first asked for. It is built without the
// race detector even when the tests have it: what counts here is what it tells the disk.
var program = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("HYDRASYNC_BINARY"); given != "" {
		return given, nil
	}
	path := filepath.Join(scratch, "hydrasync")
	out, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// process is one running hydrasync, with what it printed.
type process struct {
	name string
	cmd  *exec.Cmd
	end  chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// printed is the end of it.
func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.out.Bytes()
	return string(b[max(0, len(b)-3000):])
}

// start runs hydrasync with args; it is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: args[0], cmd: exec.Command(path, args...), end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.end) }()
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.end
}

func (p *process) signal(s os.Signal) { p.cmd.Process.Signal(s) }

// freeze stops a process between two of its instructions, and all of its threads with it.
func (p *process) freeze(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGSTOP)
	var si unix.Siginfo
	if err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &si, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
}

// run runs hydrasync to its end. A process that hangs is ended.
func run(args ...string) (out string, code int, err error) {
	path, err := program()
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return "", 0, err
	}
	return string(b), cmd.ProcessState.ExitCode(), ctx.Err()
}

// freePort is one that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// report is what we want to know from a process's status.
type report struct {
	State   string
	Why     string
	Seq     uint64
	Cities  []struct{ Acked uint64 }
	Highway struct {
		InStep bool `json:"in_step"`
	}
}

// status asks the process that has a state folder, by its socket.
func status(folder string) (r report, err error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dir, err := os.Open(folder) // a socket's own path may have no more than 107 bytes
			if err != nil {
				return nil, err
			}
			defer dir.Close()
			return new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/admin.sock", dir.Fd()))
		}}}
	resp, err := client.Get("http://state/status")
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

// stateOf is the folder of a capitol's only tree.
func stateOf(state string) (string, error) {
	found, err := filepath.Glob(filepath.Join(state, "*", "journal.db"))
	if err == nil && len(found) != 1 {
		err = errors.New("the capitol has no journal yet")
	}
	if err != nil {
		return "", err
	}
	return filepath.Dir(found[0]), nil
}

// eventually polls: the state of processes and trees can only be asked for.
func eventually(t *testing.T, what string, ok func() string, p ...*process) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(3 * time.Millisecond) {
		wrong := ok()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			for _, p := range p {
				t.Logf("%s printed:\n%s", p.name, p.printed())
			}
			t.Fatalf("%s: still not after %v: %s", what, patience, wrong)
		}
	}
}
