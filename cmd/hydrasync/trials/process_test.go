package trials

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var program string // the built binary, set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hydrasync-trials-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "hydrasync")
		args := []string{"build", "-o", program}
		if raceEnabled {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "..")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// process is one running hydrasync, with what it printed.
type process struct {
	name string
	args []string
	t    *testing.T

	mu  sync.Mutex
	out bytes.Buffer
	cmd *exec.Cmd
	end chan struct{}
}

// start runs hydrasync with args; it is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{name: args[0], args: args, t: t}
	p.again()
	t.Cleanup(p.kill)
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

func (p *process) tail() string {
	s := p.printed()
	return s[max(0, len(s)-4000):]
}

// again starts it anew after it ended.
func (p *process) again() {
	p.t.Helper()
	p.cmd = exec.Command(program, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	end := make(chan struct{})
	p.end = end
	go func(cmd *exec.Cmd) { cmd.Wait(); close(end) }(p.cmd)
}

// kill is kill -9.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.end
}

// stop asks politely and demands the end within five seconds.
func (p *process) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.end:
	case <-time.After(5 * time.Second * slack):
		p.kill()
		p.t.Errorf("%s did not end within 5 s of SIGTERM; it printed:\n%s", p.name, p.tail())
	}
}

// says waits until the process printed text.
func (p *process) says(text string, within time.Duration) {
	p.t.Helper()
	p.says2(text, 1, within)
}

func (p *process) says2(text string, times int, within time.Duration) {
	p.t.Helper()
	for deadline := time.Now().Add(within); strings.Count(p.printed(), text) < times; {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not say %q within %v; it printed:\n%s", p.name, text, within, p.tail())
		}
		time.Sleep(20 * time.Millisecond)
	}
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

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// rig is a capitol, a city, and a proxy between that can be cut.
type rig struct {
	src, dst, state string
	capitol, city   *process
	proxy           *proxy
	cityArgs        []string // more of them
}

func newRig(t *testing.T) *rig {
	t.Helper()
	needs(t, "rsync")
	dir := t.TempDir()
	r := &rig{src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst"), state: filepath.Join(dir, "state")}
	for _, d := range []string{r.src, r.dst} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *rig) start(t *testing.T) {
	t.Helper()
	listen := freePort(t)
	r.proxy = newProxy(t, listen)
	r.capitol = start(t, "capitol", "--tree", "t="+r.src, "--listen", listen, "--state", r.state, "--log-format", "json")
	r.city = start(t, append([]string{"city", "--from", "ws://" + r.proxy.addr() + "/t", "--to", r.dst, "--log-format", "json"}, r.cityArgs...)...)
}

func (r *rig) mustBecomeEqual(t *testing.T) {
	t.Helper()
	mustBecomeEqual(t, r.src, r.dst, 30*time.Second*slack, r.capitol, r.city)
}
