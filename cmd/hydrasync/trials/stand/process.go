package stand

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is one running program, with all that it has printed since it was first started.
type Process struct {
	Name string
	cmd  *exec.Cmd
	end  chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// Launch starts cmd. Whoever does ends it.
func Launch(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: strings.Join(cmd.Args[1:min(2, len(cmd.Args))], " ")}
	return p, p.launch(cmd)
}

// Command is hydrasync with these arguments.
func Command(args ...string) *exec.Cmd { return exec.Command(program, args...) }

// Start runs hydrasync; it is killed with the test.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p, err := Launch(Command(args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func (p *Process) launch(cmd *exec.Cmd) error {
	p.cmd = cmd
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		return err
	}
	end := make(chan struct{})
	p.end = end
	go func() { cmd.Wait(); close(end) }() // ends with the process
	return nil
}

// Again starts it anew after it has ended.
func (p *Process) Again(t testing.TB) {
	t.Helper()
	again := exec.Command(p.cmd.Path, p.cmd.Args[1:]...)
	again.Env = p.cmd.Env
	if err := p.launch(again); err != nil {
		t.Fatal(err)
	}
}

// Write takes what the process prints.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Printed is all that it printed.
func (p *Process) Printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Tail is the end of it, for people.
func (p *Process) Tail() string {
	s := p.Printed()
	return s[max(0, len(s)-4000):]
}

// Pid is its number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Args are those that it was started with.
func (p *Process) Args() []string { return p.cmd.Args[1:] }

// Signal sends it one; what has ended hears nothing.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill is kill -9.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.end
}

// End is closed when it has ended.
func (p *Process) End() <-chan struct{} { return p.end }

// Ended says whether it has.
func (p *Process) Ended() bool {
	select {
	case <-p.end:
		return true
	default:
		return false
	}
}

// Code is how it has ended: -1 by a signal.
func (p *Process) Code() int { return p.cmd.ProcessState.ExitCode() }

// Wait waits for the end, and gives the exit code.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.end:
	case <-time.After(Patience):
		t.Fatalf("%q goes on; it printed:\n%s", p.Args(), p.Tail())
	}
	return p.Code()
}

// grace is how long a process may take to end when it is asked to.
const grace = 20 * time.Second

// Stop asks politely, and kills what does not end.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.end:
	case <-time.After(grace):
		p.Kill()
		t.Errorf("%s did not end within %v of SIGTERM; it printed:\n%s", p.Name, grace, p.Tail())
	}
}

// Says waits until the process has printed a text.
func (p *Process) Says(t testing.TB, text string) {
	t.Helper()
	p.SaysTimes(t, text, 1)
}

// SaysTimes waits until it has printed it so often.
func (p *Process) SaysTimes(t testing.TB, text string, times int) {
	t.Helper()
	Await(t, p.Name, func() string {
		if n := strings.Count(p.Printed(), text); n < times {
			return fmt.Sprintf("it said %q %d times, not %d", text, n, times)
		}
		return ""
	}, p)
}

// Run runs hydrasync to its end, which has to come.
func Run(t testing.TB, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		return fmt.Sprintf("%s\nit does not end\n", b), -1
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// MustRun gives what hydrasync prints, which has to end with 0.
func MustRun(t testing.TB, args ...string) string {
	t.Helper()
	out, code := Run(t, args...)
	if code != 0 {
		t.Fatalf("%q ended with %d:\n%s", args, code, out)
	}
	return out
}
