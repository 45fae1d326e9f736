//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// plan is what is to happen, and when.
type plan struct {
	n      int
	at     string // entry, exit, or the name of an errno
	sticky bool
	waits  bool
	under  []string
	wanted wanted
	errno  syscall.Errno
}

func (p *plan) check() error {
	if p.at == "entry" || p.at == "exit" {
		return nil
	}
	for no := syscall.Errno(1); no < 200; no++ {
		if unix.ErrnoName(no) == p.at {
			p.errno = no
			return nil
		}
	}
	return fmt.Errorf("-at: %q is neither entry nor exit nor an errno", p.at)
}

// tracer follows one program.
type tracer struct {
	plan
	log      *os.File
	pid      int
	program  bool // it is no longer ourselves
	count    int
	leaving  map[int]bool // threads whose exit from a call is awaited
	released atomic.Bool
	restart  atomic.Bool
	code     int
}

// options make ptrace tell of threads, of exec and of the filter's stops; when
// the tracer ends, so does the program.
const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL

// run runs the program to its end and returns its exit code, 128 and the signal if one ended it.
func (t *tracer) run(args []string) (int, error) {
	var numbers []string
	for _, no := range t.wanted.numbers() {
		numbers = append(numbers, fmt.Sprint(no))
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, append([]string{launchArg, strings.Join(numbers, ",")}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	t.leaving = make(map[int]bool)
	t.restart.Store(!t.waits)
	t.released.Store(t.waits)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM, unix.SIGINT)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t.pid = cmd.Process.Pid
	var ws unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &ws, 0, nil); err != nil {
		return 0, err
	}
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return 0, err
	}
	go t.hear(signals)
	t.say("pid %d", t.pid)
	if err := unix.PtraceCont(t.pid, 0); err != nil {
		return 0, err
	}
	t.follow()
	t.say("total %d", t.count)
	return t.code, nil
}

func (t *tracer) hear(signals <-chan os.Signal) {
	for s := range signals {
		switch s {
		case unix.SIGUSR1:
			t.released.Store(true)
		case unix.SIGUSR2:
			t.restart.Store(true)
		default:
			unix.Kill(t.pid, s.(syscall.Signal))
		}
	}
}

func (t *tracer) say(format string, args ...any) {
	if t.log != nil {
		fmt.Fprintf(t.log, format+"\n", args...)
	}
}

// follow lets every thread go on until none is left.
func (t *tracer) follow() {
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return
		}
		switch {
		case ws.Exited():
			if tid == t.pid {
				t.code = ws.ExitStatus()
			}
		case ws.Signaled():
			if tid == t.pid {
				t.code = 128 + int(ws.Signal())
			}
		case ws.Stopped():
			t.stopped(tid, ws)
		}
	}
}

// stopped handles one stop and lets the thread go on. A thread that is gone by
// then was killed, which is no error.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) {
	sig := ws.StopSignal()
	switch event := int(ws) >> 16; {
	case sig == unix.SIGTRAP|0x80:
		if t.leaving[tid] {
			t.kill()
		}
	case sig == unix.SIGTRAP && event == unix.PTRACE_EVENT_SECCOMP:
		if t.call(tid) {
			t.leaving[tid] = true
			unix.PtraceSyscall(tid, 0)
			return
		}
	case sig == unix.SIGTRAP && event == unix.PTRACE_EVENT_EXEC:
		t.program = true
	case sig == unix.SIGTRAP, sig == unix.SIGSTOP: // a new thread's first stop, other events
	default:
		unix.PtraceCont(tid, int(sig))
		return
	}
	unix.PtraceCont(tid, 0)
}

// kill is kill -9 of all threads.
func (t *tracer) kill() { unix.Kill(t.pid, unix.SIGKILL) }

// call looks at one call and does what is planned for it. It says whether the
// end of the call is awaited.
func (t *tracer) call(tid int) (await bool) {
	if !t.program {
		return false
	}
	if t.restart.Swap(false) {
		t.count = 0
		t.released.Store(false)
	}
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return false
	}
	s := stop{tid, &regs}
	c := calls[regs.Orig_rax]
	name := s.name(c)
	if !t.wanted[name] || s.std(c.where) {
		return false
	}
	file := s.file(c.where)
	if !t.counts(file, c) {
		return false
	}
	t.count++
	t.say("%d %s %q", t.count, name, file)
	if t.n == 0 || t.released.Load() || t.count < t.n || t.count > t.n && !t.sticky {
		return false
	}
	return t.strike(tid, &regs, name, file)
}

// strike does it.
func (t *tracer) strike(tid int, regs *unix.PtraceRegs, name, file string) (await bool) {
	if t.count == t.n {
		t.say("struck %d %s %s %q", t.n, t.at, name, file)
	}
	switch t.at {
	case "entry":
		t.kill()
		return false
	case "exit":
		return true
	}
	regs.Orig_rax = ^uint64(0) // no call
	regs.Rax = uint64(-int64(t.errno))
	unix.PtraceSetRegs(tid, regs)
	return false
}

// counts says whether a call on a file is one that is meant.
func (t *tracer) counts(file string, c call) bool {
	switch {
	case c.where == nowhere:
		return true
	case strings.HasPrefix(file, "socket:"):
		return t.wanted["send"]
	case !strings.HasPrefix(file, "/"): // pipes, event descriptors
		return false
	case len(t.under) == 0:
		return true
	}
	for _, dir := range t.under {
		if file == dir || strings.HasPrefix(file, dir+"/") {
			return true
		}
	}
	return false
}
