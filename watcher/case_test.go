package watcher_test

import (
	"bufio"
	"context"
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
	"golang.org/x/sys/unix"
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
// In any case the journal has to equal the disk in the end. Each case runs
// twice: with a watcher that hears the changes, and with one that was off
// while they happened. Both have to come to the same.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	mustNot(t, err)
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		c := readCase(t, file)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			var live, off picture
			t.Run("heard", func(t *testing.T) { live = c.run(t, true) })
			t.Run("found", func(t *testing.T) { off = c.run(t, false) })
			if d := live.diff(off); d != "" && !c.loose() {
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
	file  string
	parts [3][]command
}

func (c testCase) loose() bool {
	return slices.ContainsFunc(c.parts[2], func(cmd command) bool { return cmd.args[0] == "loose" })
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
			c.parts[part] = append(c.parts[part], command{n, args})
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
func (c testCase) run(t *testing.T, live bool) picture {
	r := newRig(t, func(cfg *watcher.Config) {
		counts := func(cmd command) bool { return cmd.args[0] == "entries" }
		if slices.ContainsFunc(c.parts[2], counts) { // however slowly a file is written here, it is told once
			cfg.Debounce, cfg.MaxWait = time.Second, 5*time.Second
		}
	})
	c.do(t, r, 0, false)
	r.start()
	r.settle()
	_, before, err := inJournal(context.Background(), r.j)
	mustNot(t, err)
	head := r.j.Position().Seq
	if !live {
		r.halt()
	}
	c.do(t, r, 1, live)
	if !live {
		r.start()
	}
	r.settle()
	_, after, err := inJournal(context.Background(), r.j)
	mustNot(t, err)
	for _, cmd := range c.parts[2] {
		if err := c.check(r, cmd, before, after, head, live); err != nil {
			t.Errorf("%s:%d: %v", c.file, cmd.line, err)
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

func (c testCase) check(r *rig, cmd command, before, after map[string]journal.Stored, head journal.Seq, live bool) error {
	arg := func(i int) string {
		if i < len(cmd.args) {
			return cmd.args[i]
		}
		return ""
	}
	old, now := before[arg(1)], after[arg(len(cmd.args)-1)]
	switch cmd.args[0] {
	case "same", "grown":
		if old.Node.ID == 0 || old.Node.ID != now.Node.ID {
			return fmt.Errorf("%q: node %d, want %d", cmd.args, now.Node.ID, old.Node.ID)
		}
		if cmd.args[0] == "grown" && old.Node.Body.Generation != now.Node.Body.Generation {
			return fmt.Errorf("%q: another generation", cmd.args)
		}
	case "fresh":
		for path, row := range before {
			if row.Node.ID == now.Node.ID {
				return fmt.Errorf("%q: it was %q", cmd.args, path)
			}
		}
	case "none":
		if now.Node.ID != 0 {
			return fmt.Errorf("%q: node %d", cmd.args, now.Node.ID)
		}
	case "loose":
	case "entries":
		if got := r.entries(head); fmt.Sprint(len(got)) != arg(1) {
			return fmt.Errorf("%d entries, want %s: %+v", len(got), arg(1), got)
		}
	default:
		return fmt.Errorf("no such check: %q", cmd.args)
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

func (c testCase) do(t *testing.T, r *rig, part int, live bool) {
	t.Helper()
	for _, cmd := range c.parts[part] {
		if cmd.args[0] == "settle" {
			if live {
				r.settle()
			}
			continue
		}
		if err := r.do(cmd.args); err != nil {
			t.Fatalf("%s:%d: %q: %v", c.file, cmd.line, cmd.args, err)
		}
	}
}

// do changes the tree. Paths beginning with "../" are beside it.
func (r *rig) do(args []string) error {
	a := func(i int) string {
		if i >= len(args) {
			return ""
		}
		return args[i]
	}
	p := func(i int) string { return r.path(a(i)) }
	switch a(0) {
	case "mkdir":
		return os.MkdirAll(p(1), 0o755)
	case "write":
		return os.WriteFile(p(1), []byte(a(2)), 0o644)
	case "fill": // fill PATH BYTES LETTER
		n, err := strconv.Atoi(a(2))
		if err != nil {
			return err
		}
		return os.WriteFile(p(1), []byte(strings.Repeat(a(3), n)), 0o644)
	case "append":
		return openAnd(p(1), os.O_APPEND, func(f *os.File) error { _, err := f.WriteString(a(2)); return err })
	case "patch": // patch PATH OFFSET TEXT
		at, err := strconv.Atoi(a(2))
		if err != nil {
			return err
		}
		return openAnd(p(1), 0, func(f *os.File) error { _, err := f.WriteAt([]byte(a(3)), int64(at)); return err })
	case "truncate":
		n, err := strconv.Atoi(a(2))
		if err != nil {
			return err
		}
		return os.Truncate(p(1), int64(n))
	case "mv":
		return os.Rename(p(1), p(2))
	case "swap":
		return unix.Renameat2(unix.AT_FDCWD, p(1), unix.AT_FDCWD, p(2), unix.RENAME_EXCHANGE)
	case "rm":
		return os.RemoveAll(p(1))
	case "chmod":
		mode, err := strconv.ParseUint(a(1), 8, 32)
		if err != nil {
			return err
		}
		return unix.Chmod(p(2), uint32(mode))
	case "chown":
		id, err := strconv.Atoi(a(1))
		if err != nil {
			return err
		}
		return os.Lchown(p(2), id, id)
	case "link":
		return os.Link(p(1), p(2))
	case "symlink":
		return os.Symlink(a(1), p(2))
	case "fifo":
		return unix.Mkfifo(p(1), 0o644)
	case "touch": // touch SECONDS PATH
		s, err := strconv.ParseInt(a(1), 10, 64)
		if err != nil {
			return err
		}
		return os.Chtimes(p(2), time.Unix(s, 0), time.Unix(s, 0))
	case "xattr": // xattr PATH NAME VALUE
		return unix.Lsetxattr(p(1), a(2), []byte(a(3)), 0)
	case "xattr-rm":
		return unix.Lremovexattr(p(1), a(2))
	case "tmpfile": // an unnamed file that gets its name when it is complete
		return r.tmpfile(p(1), a(2))
	}
	return fmt.Errorf("no such command")
}

func (r *rig) tmpfile(path, text string) error {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

func openAnd(path string, flag int, do func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
	if err != nil {
		return err
	}
	if err := do(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
