package stand

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const module = "github.com/hydrasync/hydrasync/"

// Set once by Main.
var (
	program string
	scratch string
)

// Main builds hydrasync, with flags for go build, runs the tests and gives their exit code.
// The tests' own environment says nothing to the program.
func Main(m *testing.M, flags ...string) int {
	var err error
	if scratch, err = os.MkdirTemp("", "hydra-"); err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(scratch)
	os.Unsetenv("HYDRASYNC_TOKEN")
	if program = os.Getenv("HYDRASYNC_BINARY"); program == "" {
		if program, err = Build("cmd/hydrasync", flags...); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return m.Run()
}

// Build builds a program of this module, by its folder.
func Build(folder string, flags ...string) (path string, err error) {
	path = filepath.Join(scratch, filepath.Base(folder))
	args := append([]string{"build", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, module+folder)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return path, nil
}

// Program is where hydrasync is.
func Program() string { return program }

// Scratch is a folder with a short name, which goes when all tests have ended.
func Scratch() string { return scratch }
