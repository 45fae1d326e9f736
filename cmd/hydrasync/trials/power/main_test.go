package power

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"golang.org/x/sys/unix"
)

// inside says that this process has mounts of its own.
const inside = "HYDRASYNC_POWER_INSIDE"

// TestMain runs the tests with mounts of their own: whatever ends them, the
// kernel takes their mounts and loop devices away.
func TestMain(m *testing.M) {
	if os.Getuid() != 0 || os.Getenv(inside) != "" {
		// without the race detector even when the tests have it: what counts here is what it tells the disk
		os.Exit(stand.Main(m))
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

// freeze stops a process between two of its instructions, and all of its threads with it.
func freeze(t *testing.T, p *stand.Process) {
	t.Helper()
	p.Signal(syscall.SIGSTOP)
	var si unix.Siginfo
	if err := unix.Waitid(unix.P_PID, p.Pid(), &si, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
}
