package watcher_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/watcher"
)

// A watcher case is a file in testdata/cases: lines of commands, arguments
// separated by blanks, quoted as in Go where needed. Before "--" they make the tree that
// the journal begins with, after it the changes, after a second "--" what has to be:
//
//	same OLD NEW    the node that was at OLD is at NEW
//	grown PATH      ... and its generation is the one that it had
//	fresh PATH      a node that was nowhere before
//	none PATH       the journal has no such path
//	entries N       so many entries were made, notes not counted
//	loose           which node is at which path depends on when somebody looked
//
//	kept PATH       its node, its place and its bytes are what they were
//	aside PATH      what is there and beneath is not compared with the disk
//	problem PATH W  the status says so of PATH, in words with W in them
//	fine            the status names no problem
//	notes TEXT      the kinds of the notes that were made after "--"
//	state WORD      the status has this state
//
// A check after "heard" or "found" counts in that run only. In any case the
// journal has to equal the disk in the end. Each case runs twice: with a watcher that
// hears the changes, and with one that was off while they happened. Both have to come to the same.
//
// Two lines may stand at the top: "on KIND", the file system that the tree is on, and
// "mounts", where the script mounts something. Then the case runs in a process
// with mounts of its own. The commands are in script_test.go, handles_test.go and stage_test.go.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	mustNot(t, err)
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		c := readCase(t, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			if c.apart() && !private(t) {
				return
			}
			var live, off picture
			t.Run("heard", func(t *testing.T) { live = c.run(t, true, nil) })
			t.Run("found", func(t *testing.T) { off = c.run(t, false, nil) })
			if d := live.diff(off); d != "" && !c.has("loose") {
				t.Errorf("events (got) and reconcile (want) disagree:\n%s", d)
			}
		})
	}
}

type command struct {
	line int
	args []string
}

type testCase struct {
	file   string
	on     fileSystem
	mounts bool
	parts  [3][]command
}

// apart says that it needs mounts of its own.
func (c testCase) apart() bool { return c.on != "" || c.mounts }

func (c testCase) has(check string) bool {
	return slices.ContainsFunc(c.parts[2], func(cmd command) bool { return slices.Contains(cmd.args[:min(2, len(cmd.args))], check) })
}

// aside are the paths that are not compared with the disk.
func (c testCase) aside() (paths []string) {
	for _, cmd := range c.parts[2] {
		if cmd.args[0] == "aside" {
			paths = append(paths, cmd.args[1])
		}
	}
	return paths
}

func readCase(t *testing.T, file string) testCase {
	t.Helper()
	f, err := os.Open(file)
	mustNot(t, err)
	defer f.Close()
	c := testCase{file: file}
	part := 0
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "--":
			part++
		default:
			args, err := words(line)
			if err != nil || part > 2 {
				t.Fatalf("%s:%d: %v", file, n, err)
			}
			switch {
			case part == 0 && args[0] == "on":
				c.on = fileSystem(args[1])
			case part == 0 && args[0] == "mounts":
				c.mounts = true
			default:
				c.parts[part] = append(c.parts[part], command{n, args})
			}
		}
	}
	return c
}

// words splits a line; a word in double quotes is a Go string.
func words(line string) (args []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			args, line = append(args, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		args, line = append(args, word), line[len(quoted):]
	}
	return args, nil
}

// run returns what the case came to: for each path, the node's origin.
func (c testCase) run(t *testing.T, live bool, shake *shaking) picture {
	r := newRigOn(t, c.on, func(cfg *watcher.Config) {
		switch {
		case shake != nil:
			shake.patience(cfg)
		case c.has("entries"): // however slowly a file is written here, it is told once
			cfg.Debounce, cfg.MaxWait = time.Second, 5*time.Second
		default: // longer than a busy machine stands still between two commands; shaking tries shorter ones
			cfg.Debounce, cfg.MaxWait = 300*time.Millisecond, 5*time.Second
		}
	})
	r.aside = c.aside()
	c.do(t, r, 0, nil)
	r.start()
	r.settle()
	_, before, err := inJournal(context.Background(), r.j)
	mustNot(t, err)
	head := r.j.Position().Seq
	if !live {
		r.halt()
	}
	c.do(t, r, 1, shake)
	if !live {
		r.start()
	}
	r.settle()
	_, after, err := inJournal(context.Background(), r.j)
	mustNot(t, err)
	for _, cmd := range c.parts[2] {
		if shake != nil && !shake.holds(cmd.args) {
			continue
		}
		err := c.check(r, cmd.args, before, after, head, live)
		for deadline := time.Now().Add(patienceOfTests); err != nil && later(cmd.args) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
			err = c.check(r, cmd.args, before, after, head, live)
		}
		if err != nil {
			t.Errorf("%s:%d: %q: %v", c.file, cmd.line, cmd.args, err)
		}
	}
	return origins(before, after)
}

func origins(before, after map[string]journal.Stored) picture {
	was, p := map[journal.NodeID]string{}, picture{}
	for path, row := range before {
		was[row.Node.ID] = path
	}
	for path, row := range after {
		from, known := was[row.Node.ID]
		switch {
		case !known:
			p[path] = "new"
		case before[from].Node.Body.Generation == row.Node.Body.Generation:
			p[path] = fmt.Sprintf("was %q, same generation", from)
		default:
			p[path] = fmt.Sprintf("was %q, rewritten", from)
		}
	}
	return p
}

// later says that a check may come true after the journal equals the disk: a
// reconcile that finds nothing more is noted when it ends.
func later(a args) bool {
	if a.at(0) == "heard" || a.at(0) == "found" {
		a = a[1:]
	}
	return slices.Contains([]string{"notes", "state", "problem", "fine"}, a.at(0))
}

func (c testCase) check(r *rig, a args, before, after map[string]journal.Stored, head journal.Seq, live bool) error {
	switch a.at(0) {
	case "heard", "found":
		if live != (a.at(0) == "heard") {
			return nil
		}
		return c.check(r, a[1:], before, after, head, live)
	case "loose", "aside":
		return nil
	case "entries":
		if got := r.entries(head); fmt.Sprint(len(got)) != a.at(1) {
			return fmt.Errorf("%d entries: %+v", len(got), got)
		}
		return nil
	case "notes":
		if got := r.notesAfter(head); got != a.at(1) {
			return fmt.Errorf("notes %q", got)
		}
		return nil
	case "state", "problem", "fine":
		return checkStatus(r.w.Status(), a)
	}
	return checkNode(a, before, after)
}

func checkStatus(st watcher.Status, a args) error {
	switch a.at(0) {
	case "state":
		if string(st.State) != a.at(1) {
			return fmt.Errorf("%s: %s", st.State, st.Why)
		}
	case "fine":
		if st.ProblemsAll > 0 {
			return fmt.Errorf("problems: %+v", st.Problems)
		}
	case "problem":
		if !slices.ContainsFunc(st.Problems, func(p watcher.Problem) bool {
			return p.Path == a.at(1) && strings.Contains(p.Why, a.at(2))
		}) {
			return fmt.Errorf("problems: %+v", st.Problems)
		}
	}
	return nil
}

// checkNode compares what a path was with what it is.
func checkNode(a args, before, after map[string]journal.Stored) error {
	old, now := before[a.at(1)].Node, after[a.at(len(a)-1)].Node
	switch a.at(0) {
	case "same", "grown":
		if old.ID == 0 || old.ID != now.ID {
			return fmt.Errorf("node %d, want %d", now.ID, old.ID)
		}
		if a.at(0) == "grown" && old.Body.Generation != now.Body.Generation {
			return errors.New("another generation")
		}
	case "kept":
		if old.ID == 0 || !old.Equal(now) {
			return fmt.Errorf("%+v, want %+v", now, old)
		}
	case "fresh":
		for path, row := range before {
			if row.Node.ID == now.ID {
				return fmt.Errorf("it was %q", path)
			}
		}
	case "none":
		if now.ID != 0 {
			return fmt.Errorf("node %d", now.ID)
		}
	default:
		return errors.New("no such check")
	}
	return nil
}

// entries are those after head that are no notes.
func (r *rig) entries(head journal.Seq) []journal.Entry {
	r.t.Helper()
	all, err := r.j.Entries(context.Background(), head, 10_000)
	mustNot(r.t, err)
	return slices.DeleteFunc(all, func(e journal.Entry) bool { return e.Note != nil })
}

func (c testCase) do(t *testing.T, r *rig, part int, shake *shaking) {
	t.Helper()
	for _, cmd := range c.parts[part] {
		shake.before(r)
		if err := r.do(cmd.args); err != nil {
			t.Fatalf("%s:%d: %q: %v", c.file, cmd.line, cmd.args, err)
		}
	}
}

// watcherVerbs do something to the watcher that hears; without one they are nothing.
var watcherVerbs = map[string]verb{
	"settle":    ifHeard(func(r *rig) error { r.settle(); return nil }),
	"reconcile": ifHeard(func(r *rig) error { return r.w.Reconcile(context.Background()) }),
	"hold":      ifHeard(func(r *rig) error { r.release = r.w.Hold(); return nil }),
	"release":   ifHeard(func(r *rig) error { r.letHear(); return nil }),
	"flood":     flood,
}

func ifHeard(do func(r *rig) error) verb {
	return func(r *rig, _ args) error {
		if r.stop == nil {
			return nil
		}
		return do(r)
	}
}

// flood A B makes more events than the kernel's queue and ours hold: of two
// names in turn, because equal events in a row are one.
func flood(r *rig, a args) error {
	for i := range queueSize() + 34_000 {
		if err := os.Chmod(r.path(a.at(1+i%2)), os.FileMode(0o600+i/2%2)); err != nil {
			return err
		}
	}
	return nil
}

func queueSize() int {
	b, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n == 0 {
		return 16 << 10
	}
	return n
}
