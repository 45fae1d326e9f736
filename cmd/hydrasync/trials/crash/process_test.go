package crash

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// strike says what happens to a process at which of its calls.
type strike struct {
	at     string // entry, exit, or an errno
	n      int
	sticky bool
	calls  string // that are counted, see killat
	under  string // files that are counted
	waits  bool   // for arm
}

func (s *strike) args(log string) []string {
	return []string{"-n", fmt.Sprint(s.n), "-at", s.at, "-calls", s.calls, "-log", log, "-under", s.under,
		fmt.Sprintf("-sticky=%v", s.sticky), fmt.Sprintf("-wait=%v", s.waits), "--", stand.Program()}
}

// process is one running hydrasync, perhaps under killat, which ends with what it traces.
type process struct {
	*stand.Process
	log string // killat's
}

// start runs hydrasync. With a strike its counted calls are written to log.
func start(s *strike, log string, args ...string) (*process, error) {
	cmd, p := stand.Command(args...), &process{}
	if s != nil {
		tracer, err := killat()
		if err != nil {
			return nil, err
		}
		p.log = log
		cmd = exec.Command(tracer, append(s.args(log), args...)...)
	}
	var err error
	p.Process, err = stand.Launch(cmd)
	return p, err
}

// stop asks politely, and says whether that was enough.
func (p *process) stop() error {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.End():
		return nil
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("it did not end within %v of SIGTERM", patience)
	}
}

// release lets all further calls pass.
func (p *process) release() { p.Signal(syscall.SIGUSR1) }

// arm begins the count.
func (p *process) arm() { p.Signal(syscall.SIGUSR2) }

// struck is the line that killat wrote when it did what it was for; "" before.
func (p *process) struck() string { return p.line("struck ") }

// total is how many calls were counted; 0 while it runs.
func (p *process) total() (n int) {
	fmt.Sscanf(p.line("total "), "total %d", &n)
	return n
}

func (p *process) line(prefix string) string {
	text, _ := os.ReadFile(p.log)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(line, "\n") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// tally is how often each call was made.
type tally map[string]int

func (p *process) made() tally {
	t := tally{}
	text, _ := os.ReadFile(p.log)
	for line := range strings.Lines(string(text)) {
		var n int
		var name string
		if _, err := fmt.Sscanf(line, "%d %s", &n, &name); err == nil {
			t[name]++
		}
	}
	return t
}

// of is how many of them a list of calls or groups names.
func (t tally) of(list string) (n int) {
	listed := strings.Split(list, ",")
	others := strings.Split("open,"+descriptors, ",")
	for name, times := range t {
		if slices.Contains(listed, name) || slices.Contains(listed, "change") && !slices.Contains(others, name) {
			n += times
		}
	}
	return n
}
