package trials

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// A capitol that is stopped hears nothing, and the kernel keeps so many events
// for it and no more. What it missed is found once it goes on, and it says that it missed something.
func TestCampaignStoppedCapitolOverflows(t *testing.T) {
	r := settled(t, 100, 1000)
	r.capitol.Signal(syscall.SIGSTOP)
	a, b := filepath.Join(r.src, "dir00"), filepath.Join(r.src, "dir01")
	for i := range queueSize(t) + 34_000 { // and those that it had read; alternating, because the kernel merges equal ones
		for _, path := range []string{a, b} {
			if err := os.Chmod(path, os.FileMode(0o755+i%2*0o20)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 50 {
		path := filepath.Join(r.src, fmt.Sprintf("dir%02d", i%20), "late", strconv.Itoa(i))
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "f"), []byte("written while nobody heard"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"dir02": "moved", "dir03": "dir04/inner", "dir05/file00005": "dir06/file00005"} {
		if err := os.Rename(filepath.Join(r.src, from), filepath.Join(r.src, to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(r.src, "dir07")); err != nil {
		t.Fatal(err)
	}
	r.capitol.Signal(syscall.SIGCONT)
	r.mustBecomeEqual(t)
	r.capitol.Says(t, "overflowed")
	r.city.Stop(t)
	r.capitol.Stop(t)
	out, code := stand.Run(t, "tail", filepath.Join(r.dst), "--since", "0", "--json")
	if code != 0 || !strings.Contains(out, "overflow") {
		t.Errorf("exit code %d: the journal of the city does not tell of the overflow", code)
	}
}

func queueSize(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
