package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a running program, the leader of a group of its own: what it starts
// is measured and ended with it.
type process struct {
	cmd    *exec.Cmd
	onLine func(string) // hears each line of its output; may be nil
	ended  chan struct{}
	mayEnd bool // by itself, before it is stopped

	mu   sync.Mutex
	rest []byte   // of a line that has not ended
	last []string // lines, for when something goes wrong
}

// keptLines of output are shown when a contestant fails.
const keptLines = 8

// spawn starts a program; onLine, if not nil, is called from a goroutine of its own.
func spawn(onLine func(string), env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), onLine: onLine, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended shows in its output and in the trees
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// Write takes output apart into lines.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		p.rest = rest
		p.last = append(p.last[max(0, len(p.last)-keptLines+1):], string(line))
		if p.onLine != nil {
			p.onLine(string(line))
		}
	}
}

// said is the end of its output.
func (p *process) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.last...)
}

// endTime is what a program gets between SIGTERM and SIGKILL.
const endTime = 10 * time.Second

// stop ends the group and waits for it.
func (p *process) stop() {
	_ = syscall.Kill(-p.pid(), syscall.SIGTERM) // it may have ended already
	select {
	case <-p.ended:
	case <-time.After(endTime):
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	<-p.ended
}

// running says that it has not ended by itself.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
