package highways

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// scriptOfMany is the loop of docs/network.md, as it stands there.
func scriptOfMany(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/network.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], "for i in $(seq") {
			return block[1]
		}
	}
	t.Fatal("docs/network.md has no such loop any more")
	return ""
}

// TestCampaignManyCities: a loop in a shell script is all that many cities need.
func TestCampaignManyCities(t *testing.T) {
	many := stand.Size(10, 30, 100)
	l := newLand(t)
	script, to, bin := filepath.Join(l.dir, "many.sh"), filepath.Join(l.dir, "many"), filepath.Join(l.dir, "bin")
	stand.Write(t, script, scriptOfMany(t))
	stand.Write(t, filepath.Join(bin, "none"), "")
	if err := os.Symlink(stand.Program(), filepath.Join(bin, "hydrasync")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", script)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "capitol=https://"+l.url, "state="+l.state, "to="+to, fmt.Sprint("many=", many))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	loop, err := stand.Launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-loop.Pid(), syscall.SIGKILL); loop.Kill() })
	for i := range many {
		stand.Arrives(t, filepath.Join(to, fmt.Sprint("city", i+1), "first"), "1", loop, l.capitol)
	}
	took := time.Since(began)
	stand.Write(t, filepath.Join(l.src, "second"), "2")
	changed := time.Now()
	for i := range many {
		stand.Arrives(t, filepath.Join(to, fmt.Sprint("city", i+1), "second"), "2", loop, l.capitol)
	}
	if out := stand.MustRun(t, "city", "list", "--state", l.state); strings.Count(out, " joined ") != many {
		t.Errorf("not all have joined:\n%s", out)
	}
	cities, all := memory(t, loop.Pid())
	_, one := memory(t, l.capitol.Pid())
	t.Logf("campaign many cities: %d had joined and their first file in %v, the next one in %v; %d processes take %d MiB, the capitol %d MiB",
		many, took.Round(10*time.Millisecond), time.Since(changed).Round(time.Millisecond), cities, all, one)
	loop.Signal(syscall.SIGTERM)
	loop.Wait(t)
	stand.Await(t, "the end of all cities", stand.Until(func() bool { return syscall.Kill(-loop.Pid(), 0) == syscall.ESRCH }), loop)
}

// memory adds up what belongs to a process, or to the other processes of its group, in MiB.
func memory(t *testing.T, pid int) (processes, mib int) {
	t.Helper()
	pids, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	kib := 0
	for _, stat := range pids {
		text, _ := os.ReadFile(stat)
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		var parent, group int
		if _, err := fmt.Sscan(rest, &state, &parent, &group); err != nil || group != pid && !strings.HasPrefix(string(text), fmt.Sprint(pid, " ")) {
			continue
		}
		rollup, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "smaps_rollup"))
		if pss := regexp.MustCompile(`(?m)^Pss: +(\d+) kB`).FindSubmatch(rollup); pss != nil {
			n := 0
			fmt.Sscan(string(pss[1]), &n)
			kib += n
			processes++
		}
	}
	return processes, kib >> 10
}
