package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

var (
	program string // hydrasync, as it is built for people
	killat  string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
			return m.Run() // all skip
		}
		dir, err := os.MkdirTemp("", "hydrasync-crash-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		program, killat = filepath.Join(dir, "hydrasync"), filepath.Join(dir, "killat")
		for out, pkg := range map[string]string{program: "../..", killat: "./killat"} {
			if text, err := exec.Command("go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
				fmt.Printf("build %s: %v\n%s", pkg, err, text)
				return 1
			}
		}
		return m.Run()
	}())
}

func needsAMD64(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("killat needs amd64")
	}
}

// The sizes of a run, HYDRASYNC_FAULTS.
const (
	short = ""     // with all other tests
	ci    = "ci"   // make faults
	long  = "long" // make faults-long
)

func size() string { return os.Getenv("HYDRASYNC_FAULTS") }
