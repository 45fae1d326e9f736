package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var program string // the built binary, set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hydrasync-hostile-")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "hydrasync")
		build := exec.Command("go", "build", "-o", program, "../..")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience is how long a test waits for what must come; no test needs it.
const patience = 60 * time.Second

// size chooses how much a campaign does.
func size(unset, ci, long int) int {
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		return ci
	case "long":
		return long
	}
	return unset
}

// seeds are the first of a campaign's seeds, and how many.
func seeds(unset, ci, long int) (first, count uint64) {
	count = uint64(size(unset, ci, long))
	if n, err := strconv.ParseUint(os.Getenv("HYDRASYNC_SEEDS"), 10, 64); err == nil {
		count = n
	}
	first, _ = strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64)
	return first, count
}

// run runs hydrasync to its end, which has to come.
func run(t testing.TB, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
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

// tree is what a directory holds, without hydrasync's own folder and times of directories.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if rel == ".hydrasync" {
			return fs.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			return nil
		}
		text := st.Mode().String()
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			found[rel] = text + " " + target
			return nil
		case d.Type().IsRegular():
			b, _ := os.ReadFile(path)
			found[rel] = fmt.Sprintf("%s %d %s", text, st.ModTime().UnixNano(), b)
			return nil
		}
		found[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// differences of two trees, with names quoted; what only the second has may be foreign.
func differences(want, got map[string]string, foreign string, was map[string]bool) (diff []string) {
	for path, text := range want {
		if path != "." && got[path] != text {
			diff = append(diff, fmt.Sprintf("%q: want %.80q, got %.80q", path, text, got[path]))
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok && path != foreign && !was[path] {
			diff = append(diff, fmt.Sprintf("%q is not wanted", path))
		}
	}
	return diff
}

func mustWrite(t testing.TB, path string, body []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

// panicked finds what no process may print.
func panicked(out string) bool {
	return strings.Contains(out, "panic:") || strings.Contains(out, "goroutine ") || bytes.Contains([]byte(out), []byte("runtime error"))
}
