package trials

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// TestWaitReturnsWhenCitiesHaveIt saves, waits, and looks at once at two replicas, one of
// them with a part of the tree; then one of them stands still.
func TestWaitReturnsWhenCitiesHaveIt(t *testing.T) {
	dir := t.TempDir()
	src, state, whole, part := filepath.Join(dir, "src"), filepath.Join(dir, "state"), filepath.Join(dir, "whole"), filepath.Join(dir, "part")
	if err := os.MkdirAll(filepath.Join(src, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	listen := stand.Address(t)
	wait := func(args ...string) (string, int) {
		return stand.Run(t, append([]string{"wait", "--state", state}, args...)...)
	}
	if out, code := wait(); code != 1 || !strings.Contains(out, "no capitol runs") {
		t.Errorf("without a capitol: %d %s", code, out)
	}
	capitol := stand.Start(t, "capitol", "--tree", "t="+src, "--listen", listen, "--state", state)
	capitol.Says(t, "serving")
	stand.Start(t, "city", "--from", "ws://"+listen+"/t", "--to", whole)
	slow := stand.Start(t, "city", "--from", "ws://"+listen+"/t", "--to", part, "--sub-dir", "in")
	patient := fmt.Sprint("--timeout=", time.Minute)
	if out, code := wait("--city", "2", patient); code != 0 {
		t.Fatalf("two cities: %d %s", code, out)
	}
	for i := range 10 {
		text := fmt.Sprint("turn ", i)
		for _, name := range []string{"in/f", fmt.Sprintf("d%d", i)} {
			if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if out, code := wait(patient); code != 0 {
			t.Fatalf("turn %d: %d %s", i, code, out)
		}
		for _, name := range []string{filepath.Join(whole, "in/f"), filepath.Join(part, "in/f"), filepath.Join(whole, fmt.Sprintf("d%d", i))} {
			if got, err := os.ReadFile(name); err != nil || string(got) != text {
				t.Fatalf("turn %d: %s holds %q, %v", i, name, got, err)
			}
		}
	}
	slow.Signal(unix.SIGSTOP)
	if err := os.WriteFile(filepath.Join(src, "in/f"), []byte("last"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, code := wait("--timeout", "3s", "--json")
	var r struct {
		Done   bool
		Behind []struct{ City string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || r.Done || len(r.Behind) != 1 || !strings.HasSuffix(r.Behind[0].City, part) {
		t.Errorf("one city stands still: %d %s %v", code, out, err)
	}
	if out, code := wait("--city", "1", patient); code != 0 {
		t.Errorf("any one of them: %d %s", code, out)
	}
	slow.Signal(unix.SIGCONT)
	if out, code := wait(patient); code != 0 {
		t.Errorf("it goes on: %d %s", code, out)
	}
	for want, args := range map[string][]string{
		"no such city":   {"--city", "nobody", "--timeout", "100ms"},
		"cities only":    {"--city", "3", "--timeout", "100ms"},
		"no tree":        {"--tree", "other"},
		"are none":       {"--city", "0"},
		"no city is nam": {"--city", ""},
	} {
		if out, code := wait(args...); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}
