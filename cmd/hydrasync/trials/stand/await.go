package stand

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// Patience is how long anything may take that has to come, on a machine that has
// other things to do. It is a bound, not a measure.
const Patience = 2 * time.Minute

// Await waits until nothing is lacking any more. Else it shows what these processes printed.
func Await(t testing.TB, what string, lacking func() string, told ...*Process) {
	t.Helper()
	if why := wait(25*time.Millisecond, lacking); why != "" {
		fail(t, what, why, told)
	}
}

// wait gives what is lacking at the end: the state of processes and trees can only be asked for,
// in steps that grow up to the widest.
func wait(widest time.Duration, lacking func() string) (why string) {
	pause := 3 * time.Millisecond
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(pause) {
		if why = lacking(); why == "" {
			return ""
		}
		pause = min(2*pause, widest)
	}
	return why
}

func fail(t testing.TB, what, why string, told []*Process) {
	t.Helper()
	for _, p := range told {
		t.Logf("%s printed:\n%s", p.Name, p.Tail())
	}
	t.Fatalf("%s: still not after %v: %.4000s", what, Patience, why)
}

// Until makes a reason of what is only true or false.
func Until(good func() bool) func() string {
	return func() string {
		if good() {
			return ""
		}
		return "it is not so"
	}
}

// Arrives waits until a file holds a text.
func Arrives(t testing.TB, path, text string, told ...*Process) {
	t.Helper()
	Await(t, path, func() string {
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			return fmt.Sprintf("it holds %.80q (%v), not %.80q", b, err, text)
		}
		return ""
	}, told...)
}

var addresses atomic.Int64

// Host is an address of this machine that this process has for itself.
func Host() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+pid>>16&63, pid>>8&255, pid&255)
}

// FreeAddress is one to listen on, of this machine and of this process alone: also when who
// listens there is killed and starts again. The kernel gives no such port to who calls.
func FreeAddress() (string, error) {
	for range 1000 {
		port := 12_000 + (int64(os.Getpid())*97+addresses.Add(1))%20_000
		l, err := net.Listen("tcp", fmt.Sprint(":", port))
		if err == nil {
			l.Close()
			return net.JoinHostPort(Host(), fmt.Sprint(port)), nil
		}
	}
	return "", errors.New("no port is free")
}

// Address is a FreeAddress that there is.
func Address(t testing.TB) string {
	t.Helper()
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Needs skips the test where a program is missing.
func Needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
}

// NeedsRoot skips the test for other users.
func NeedsRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// Write makes a file, with the directories that it needs.
func Write[T string | []byte](t testing.TB, path string, body T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}
