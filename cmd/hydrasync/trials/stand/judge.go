package stand

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

// Judge says in what two trees differ, "" if in nothing. The first half is rsync's
// opinion, with checksums, owners, hard links, ACLs and xattrs (directory times are not
// carried); the second reads every file. Names that are foreign are nobody's business.
func Judge(src, dst string, foreign ...string) string {
	args := []string{"-rlptgoHAXnic", "--delete", "-O", "--exclude=/.hydrasync"}
	for _, name := range foreign {
		args = append(args, "--exclude="+name)
	}
	cmd := exec.Command("rsync", append(args, src+"/", dst+"/")...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	err := cmd.Run()
	var differ strings.Builder
	for line := range strings.Lines(out.String()) {
		// rsync tells of FIFOs and sockets on the console; they are not carried
		if !strings.HasPrefix(line, "skipping non-regular") {
			differ.WriteString(line)
		}
	}
	if err != nil {
		return fmt.Sprintf("%srsync: %v: %s", &differ, err, &fault)
	}
	if differ.Len() > 0 {
		return differ.String()
	}
	if err := sameBytes(src, dst); err != nil {
		return err.Error()
	}
	return ""
}

func sameBytes(src, dst string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dst, strings.TrimPrefix(path, src)))
		if err == nil && !bytes.Equal(want, got) {
			err = fmt.Errorf("bytes of %q differ", path)
		}
		return err
	})
}

// Equal waits until the judge finds nothing. HYDRASYNC_TRIAL_KEEP=DIR keeps what is around the
// source when it does not come to that.
func Equal(t testing.TB, src, dst string, told ...*Process) {
	t.Helper()
	why := wait(100*time.Millisecond, func() string { return Judge(src, dst) })
	if why == "" {
		return
	}
	if keep := os.Getenv("HYDRASYNC_TRIAL_KEEP"); keep != "" {
		for _, p := range told {
			p.Signal(syscall.SIGSTOP)
		}
		out, err := exec.Command("cp", "-a", filepath.Dir(src), keep).CombinedOutput()
		t.Logf("kept in %s: %v %s", keep, err, out)
	}
	fail(t, dst+" is to be equal", why, told)
}
