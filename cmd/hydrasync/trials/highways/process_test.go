package highways

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var program string // the built binary, set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hydrasync-highways-")
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
		os.Unsetenv("HYDRASYNC_TOKEN")
		return m.Run()
	}())
}

// patience is how long a trial waits for what must come.
const patience = 60 * time.Second

// process is one running hydrasync, with what it printed.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	end chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// start runs hydrasync; it is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.end) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.end })
	return p
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *process) says(text string) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("%q", text), p.printed, func() bool { return strings.Contains(p.printed(), text) })
}

// ended waits for the end and gives the exit code.
func (p *process) ended() int {
	p.t.Helper()
	select {
	case <-p.end:
	case <-time.After(patience):
		p.t.Fatalf("%q goes on; it printed:\n%s", p.cmd.Args[1:], p.printed())
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs hydrasync to its end.
func run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, code := run(t, args...)
	if code != 0 {
		t.Fatalf("%q ended with %d:\n%s", args, code, out)
	}
	return out
}

func await(t *testing.T, what string, tell func() string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("still waiting for %s:\n%s", what, tell())
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// arrives waits until a file holds a text.
func arrives(t *testing.T, path, text string, tell ...*process) {
	t.Helper()
	await(t, path, func() (all string) {
		for _, p := range tell {
			all += p.printed()
		}
		return all
	}, func() bool { b, _ := os.ReadFile(path); return string(b) == text })
}

func shell(script string) (string, error) {
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	return string(out), err
}
