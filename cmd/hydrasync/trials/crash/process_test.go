package crash

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// strike says what happens to a process at which of its calls.
type strike struct {
	at     string // entry, exit, or an errno
	n      int
	sticky bool
	calls  string // that are counted, see killat
	under  string // files that are counted
	waits  bool   // for arm
}

func (s *strike) args(log string) []string {
	args := []string{"-n", fmt.Sprint(s.n), "-at", s.at, "-calls", s.calls, "-log", log, "-under", s.under,
		fmt.Sprintf("-sticky=%v", s.sticky), fmt.Sprintf("-wait=%v", s.waits), "--", program}
	return args
}

// process is one running hydrasync, perhaps under killat.
type process struct {
	cmd *exec.Cmd
	log string // killat's
	end chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// start runs hydrasync. With a strike its counted calls are written to log.
func start(s *strike, log string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), end: make(chan struct{})}
	if s != nil {
		p.log = log
		p.cmd = exec.Command(killat, append(s.args(log), args...)...)
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: 0}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.cmd.Wait(); close(p.end) }()
	return p, nil
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

func (p *process) ended() bool {
	select {
	case <-p.end:
		return true
	default:
		return false
	}
}

// kill ends it and what it traces.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.end
}

// stop asks politely, and says whether that was enough.
func (p *process) stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.end:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("it did not end within %v of SIGTERM", patience)
	}
}

// release lets all further calls pass.
func (p *process) release() { p.cmd.Process.Signal(syscall.SIGUSR1) }

// arm begins the count.
func (p *process) arm() { p.cmd.Process.Signal(syscall.SIGUSR2) }

// code is how it ended: 137 is kill -9.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// struck is the line that killat wrote when it did what it was for; "" before.
func (p *process) struck() string { return p.line("struck ") }

// total is how many calls were counted; 0 while it runs.
func (p *process) total() (n int) {
	fmt.Sscanf(p.line("total "), "total %d", &n)
	return n
}

func (p *process) line(prefix string) string {
	text, _ := os.ReadFile(p.log)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(line, "\n") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// tally is how often each call was made.
type tally map[string]int

func (p *process) made() tally {
	t := tally{}
	text, _ := os.ReadFile(p.log)
	for line := range strings.Lines(string(text)) {
		var n int
		var name string
		if _, err := fmt.Sscanf(line, "%d %s", &n, &name); err == nil {
			t[name]++
		}
	}
	return t
}

// of is how many of them a list of calls or groups names.
func (t tally) of(list string) (n int) {
	listed := strings.Split(list, ",")
	others := strings.Split("open,"+descriptors, ",")
	for name, times := range t {
		if slices.Contains(listed, name) || slices.Contains(listed, "change") && !slices.Contains(others, name) {
			n += times
		}
	}
	return n
}
