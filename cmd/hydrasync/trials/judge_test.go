package trials

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// judge says in what two trees differ; nothing if they are equal. The first
// half is rsync's opinion, with checksums, owners, hard links, ACLs and xattrs
// (directory times are not carried); the second reads every file.
func judge(src, dst string) (string, error) {
	cmd := exec.Command("rsync", "-rlptgoHAXnic", "--delete", "-O", "--exclude=/.hydrasync", src+"/", dst+"/")
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	err := cmd.Run()
	var lines []string
	for line := range strings.Lines(out.String()) {
		// rsync tells of FIFOs and sockets on the console; they are not carried
		if !strings.HasPrefix(line, "skipping non-regular") {
			lines = append(lines, line)
		}
	}
	if err != nil {
		return strings.Join(lines, ""), fmt.Errorf("rsync: %w: %s", err, fault.String())
	}
	if len(lines) > 0 {
		return strings.Join(lines, ""), nil
	}
	return sameBytes(src, dst)
}

func sameBytes(src, dst string) (string, error) {
	var differ string
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || differ != "" {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dst, strings.TrimPrefix(path, src)))
		if err != nil || !bytes.Equal(want, got) {
			differ = fmt.Sprintf("bytes of %q differ (%v)\n", path, err)
		}
		return nil
	})
	return differ, err
}

// mustBecomeEqual waits until the judge finds nothing.
func mustBecomeEqual(t *testing.T, src, dst string, within time.Duration, p ...*process) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		differ, err := judge(src, dst)
		if err == nil && differ == "" {
			return
		}
		if time.Now().After(deadline) {
			if len(differ) > 4000 {
				differ = differ[:4000] + "…"
			}
			if keep := os.Getenv("HYDRASYNC_TRIAL_KEEP"); keep != "" {
				for _, p := range p {
					p.cmd.Process.Signal(syscall.SIGSTOP)
				}
				out, err := exec.Command("cp", "-a", filepath.Dir(src), keep).CombinedOutput()
				t.Logf("kept in %s: %v %s", keep, err, out)
			}
			for _, p := range p {
				t.Logf("%s printed:\n%s", p.name, p.tail())
			}
			t.Fatalf("not equal after %v (%v):\n%s", within, err, differ)
		}
		time.Sleep(100 * time.Millisecond) // the state of two trees can only be polled
	}
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s", program)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
