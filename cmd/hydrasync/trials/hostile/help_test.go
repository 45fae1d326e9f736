package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestMain(m *testing.M) { os.Exit(stand.Main(m)) }

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

// panicked finds what no process may print.
func panicked(out string) bool {
	return strings.Contains(out, "panic:") || strings.Contains(out, "goroutine ") || bytes.Contains([]byte(out), []byte("runtime error"))
}
