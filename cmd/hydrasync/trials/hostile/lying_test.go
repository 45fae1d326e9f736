package hostile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// publish starts a capitol with a small tree and waits until it serves.
func publish(t *testing.T) (src, addr string) {
	t.Helper()
	dir := t.TempDir()
	src = filepath.Join(dir, "src")
	for i := range 12 {
		stand.Write(t, filepath.Join(src, "d", fmt.Sprint("f", i)), bytes.Repeat([]byte{byte('a' + i)}, 100))
	}
	stand.Write(t, filepath.Join(src, "large"), bytes.Repeat([]byte("0123456789abcdef"), 20_000))
	if err := os.Symlink("d/f1", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	addr, _ = serveTree(t, src, filepath.Join(dir, "state"))
	return src, addr
}

// TestCampaignLyingCapitol tells each lie of the catalogue to a city of its own, until the
// city has hung up or taken it. Nothing outside of its root changes, memory stays small, its log
// is clean, and when the lies end a city that is started again becomes equal.
func TestCampaignLyingCapitol(t *testing.T) {
	t.Parallel()
	src, addr := publish(t)
	base := t.TempDir()
	canary := filepath.Join(base, "canary")
	stand.Write(t, filepath.Join(canary, "x"), []byte("outside"))
	before := tree(t, canary)
	want := tree(t, src)
	names := make(chan struct{}, 2) // so many cities at once
	every := stand.Size(5, 1, 1)
	count := 0
	t.Run("lies", func(t *testing.T) {
		for name, lie := range catalogue(canary) {
			if count++; count%every != 0 {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				names <- struct{}{}
				defer func() { <-names }()
				lieTo(t, addr, want, lie)
			})
		}
	})
	if diff := differences(before, tree(t, canary), "", nil); len(diff) > 0 {
		t.Errorf("outside of every city: %v", diff)
	}
	t.Logf("campaign lies: %d of %d lies told to a city each", count/every, count)
}

func lieTo(t *testing.T, addr string, want map[string]string, lie lie) {
	dst := filepath.Join(t.TempDir(), "dst")
	stand.Write(t, filepath.Join(dst, foreignName), []byte(foreignBody))
	l := newLiar(t, addr, lie)
	p := stand.Start(t, "city", "--from", l.url(), "--to", dst, "--log-format", "json", "--log-level", "debug")
	stand.Await(t, "the lie is told", stand.Until(func() bool { return l.told.Load() > 0 }), p)
	time.Sleep(200 * time.Millisecond) // what the lie brings about takes its time; no verdict depends on it
	verdict := func(p *stand.Process) {
		t.Helper()
		if mib := peak(p); mib > 150 {
			t.Errorf("the city took %d MiB", mib)
		}
		if out := p.Printed(); panicked(out) || !clean(out) {
			t.Errorf("printed:\n%q", out)
		}
	}
	verdict(p)
	p.Kill()
	l.conns.Add(lies)
	p.Again(t)
	stand.Await(t, "the city is equal when nobody lies any more", func() string {
		got := tree(t, dst)
		return strings.Join(differences(want, got, foreignName, nil), "\n")
	}, p)
	if got := tree(t, dst)[foreignName]; !strings.HasSuffix(got, foreignBody) {
		t.Errorf("the stranger's file is now %q", got)
	}
	verdict(p)
}

// peak is the largest resident memory so far, in MiB.
func peak(p *stand.Process) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(text)[0])
			return kib >> 10
		}
	}
	return 0
}

// clean says that a text can be shown on any terminal: no control characters, and
// none that turn the direction of writing.
func clean(text string) bool {
	for _, r := range text {
		switch {
		case r == '\n':
		case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xfffd, r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return false
		}
	}
	return true
}
