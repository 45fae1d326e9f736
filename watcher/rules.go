package watcher

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hydrasync/hydrasync/watcher/ignore"
	"golang.org/x/sys/unix"
)

// rules say which paths do not belong to the tree. They never change; a new
// ignore file makes new ones.
type rules struct{ *ignore.Rules }

func (r *rules) ignored(path string, isDir bool) bool {
	if top, _, _ := strings.Cut(path, "/"); top == stateDir {
		return true
	}
	return r.Ignored(path, isDir)
}

// An ignore file beyond this is no ignore file.
const maxIgnoreFile = 1 << 20

// readRules joins the tree's ignore file with the configured patterns, which
// have the last word.
func (r *root) readRules(file string, given []string) (*rules, error) {
	last, err := ignore.Parse(given)
	if err != nil {
		return nil, err
	}
	content, err := r.readSmall(file)
	if err != nil {
		return nil, err
	}
	first, err := ignore.ParseFile(file, content)
	if err != nil {
		return nil, err
	}
	return &rules{ignore.Join(first, last)}, nil
}

// readSmall reads a file beneath the root; one that is not there is empty.
func (r *root) readSmall(path string) ([]byte, error) {
	fd, err := r.open(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	defer unix.Close(fd)
	st, err := statAt(fd, "")
	if err != nil {
		return nil, fmt.Errorf("stat %q: %w", path, err)
	}
	if st.size > maxIgnoreFile {
		return nil, fmt.Errorf("read %q: %d bytes are too many for an ignore file", path, st.size)
	}
	b := make([]byte, st.size)
	n, err := preadFull(fd, b, 0)
	if err != nil && !errors.Is(err, errChanged) {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return b[:n], nil
}

// Decision says whether a path is left out of the tree, and by which rule.
type Decision struct {
	Ignored bool
	Rule    string // as it was written; empty if no rule speaks of the path
	Source  string // the ignore file's name, or where patterns were given
	Line    int
}

// Explain says what the rules of now say about a path, which need not exist.
func (w *Watcher) Explain(path string, isDir bool) Decision {
	r := w.rules()
	d := Decision{Ignored: r.ignored(path, isDir)}
	if rule, ok := r.Rules.Explain(path, isDir); ok {
		d.Rule, d.Source, d.Line = rule.Pattern, rule.Source, rule.Line
	}
	return d
}
