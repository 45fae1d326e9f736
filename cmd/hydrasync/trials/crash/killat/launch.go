//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launchArg is how killat calls itself to become the program: a filter is
// inherited through exec, and only the process itself can set it.
const launchArg = "-launch"

func init() { runtime.LockOSThread() } // ptrace wants one thread, and the filter is a thread's

// launch takes the numbers of calls to stop at, and the program. It returns only an error.
func launch(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s: no program", launchArg)
	}
	var calls []uint32
	for no := range strings.SplitSeq(args[0], ",") {
		n, err := strconv.Atoi(no)
		if err != nil {
			return err
		}
		calls = append(calls, uint32(n))
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	if err := stopAt(calls); err != nil {
		return fmt.Errorf("set filter: %w", err)
	}
	return fmt.Errorf("exec %s: %w", path, unix.Exec(path, args[1:], os.Environ()))
}

// stopAt sets a filter that asks the tracer about each of the calls.
func stopAt(calls []uint32) error {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K
	)
	program := []unix.SockFilter{{Code: load, K: 0}} // seccomp_data.nr
	for i, no := range calls {
		program = append(program, unix.SockFilter{Code: equal, Jt: uint8(len(calls) - i), K: no})
	}
	program = append(program, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_TRACE})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	list := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, no := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&list)))
	if no != 0 {
		return no
	}
	return nil
}
