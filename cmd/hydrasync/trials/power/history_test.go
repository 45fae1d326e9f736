package power

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// thing is what a name leads to. Everything in it arrives on a city, except that
// directories have times of their own.
type thing struct {
	mode   fs.FileMode // the type, too
	mtime  int64
	size   int64
	sum    [sha256.Size]byte
	target string
}

func (o thing) String() string {
	switch {
	case o.mode == absent:
		return "absent"
	case o.mode.IsRegular():
		return fmt.Sprintf("%v, %d bytes %x, %d", o.mode, o.size, o.sum[:4], o.mtime)
	}
	return fmt.Sprintf("%v %s", o.mode, o.target)
}

// absent is the mode of what is not there.
const absent = fs.ModeIrregular

// tree is everything beneath a directory but hydrasync's own folder.
type tree map[string]thing

func (t tree) at(path string) thing {
	if o, ok := t[path]; ok {
		return o
	}
	return thing{mode: absent}
}

// walk looks at all of it. What vanishes meanwhile was not there.
func walk(root string) (tree, error) {
	t := make(tree)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ignoreAbsent(err)
		case path == root:
			return nil
		case path == filepath.Join(root, ".hydrasync"):
			return fs.SkipDir
		}
		o, err := look(path)
		if err == nil {
			t[path[len(root)+1:]] = o
		}
		return ignoreAbsent(err)
	})
	return t, err
}

func ignoreAbsent(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

func look(path string) (o thing, err error) {
	st, err := os.Lstat(path)
	if err != nil {
		return o, err
	}
	o.mode = st.Mode()
	switch {
	case o.mode.IsRegular():
		var b []byte
		if b, err = os.ReadFile(path); err == nil {
			o.mtime, o.size, o.sum = st.ModTime().UnixNano(), int64(len(b)), sha256.Sum256(b)
		}
	case o.mode&fs.ModeSymlink != 0:
		o.mtime = st.ModTime().UnixNano()
		o.target, err = os.Readlink(path)
	}
	return o, err
}

// mustWalk is walk with hard links, for trees that are to be equal: a
// group is known by the first of its paths.
func mustWalk(t *testing.T, root string) (tree, map[string]string) {
	t.Helper()
	all, err := walk(root)
	if err != nil {
		t.Fatal(err)
	}
	return all, linked(root, all)
}

func linked(root string, all tree) map[string]string {
	first, links := make(map[uint64]string), make(map[string]string)
	for _, path := range all.paths() {
		st, err := os.Lstat(filepath.Join(root, path))
		if err != nil {
			continue
		}
		if sys := st.Sys().(*syscall.Stat_t); sys.Nlink > 1 && !st.IsDir() {
			if first[sys.Ino] == "" {
				first[sys.Ino] = path
			}
			links[path] = first[sys.Ino]
		}
	}
	return links
}

func (t tree) paths() []string {
	list := make([]string, 0, len(t))
	for path := range t {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// differ lists what is not the same, a few lines of it.
func differ(want, got tree) string {
	var b strings.Builder
	for _, path := range union(want, got).paths() {
		if w, g := want.at(path), got.at(path); w != g && b.Len() < 1000 {
			fmt.Fprintf(&b, "%q is %v, want %v\n", path, g, w)
		}
	}
	return b.String()
}

func union(trees ...tree) tree {
	all := make(tree)
	for _, t := range trees {
		for path := range t {
			all[path] = thing{}
		}
	}
	return all
}

// mark says that everything up to a view was confirmed when the log was so long.
type mark struct {
	at    int // records of the log
	view  int
	seq   uint64 // that the city had confirmed
	moves bool   // what follows, up to the next mark, renames or changes types

	city blocks           // a copy of the city's disk at that moment
	seen journal.Position // which that copy resumes from
}

// history is what the source was, after each single act, and what was confirmed when.
type history struct {
	views []tree
	logs  []map[string][]byte // what files that grow held, for each view
	marks []mark
	loose bool // the file system may show a size before the bytes
}

func newHistory() *history {
	return &history{views: []tree{{}}, logs: make([]map[string][]byte, 1)}
}

// see notes what the source is now.
func (h *history) see(t *testing.T, src string) {
	t.Helper()
	view, err := walk(src)
	if err != nil {
		t.Fatal(err)
	}
	logs := make(map[string][]byte)
	for path := range view {
		if strings.HasSuffix(path, ".log") {
			if logs[path], err = os.ReadFile(filepath.Join(src, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.views, h.logs = append(h.views, view), append(h.logs, logs)
}

// window is what a disk may hold after a crash: at least the last thing that was
// confirmed by then, at most what came before the next confirmation.
func (h *history) window(at int) (from, to int, last mark) {
	from, to = 0, len(h.views)-1
	last.moves = true // nothing is confirmed yet
	for _, m := range h.marks {
		if m.at > at {
			to = m.view
			break
		}
		from, last = m.view, m
	}
	return from, to, last
}

// judge says what is wrong with a tree that a crash left, before anything repairs it.
func (h *history) judge(at int, got tree, read func(path string) ([]byte, error)) error {
	from, to, last := h.window(at)
	views := h.views[from : to+1]
	for path := range union(append(slices.Clone(views), got)...) {
		have := got.at(path)
		if have.mode == absent && last.moves && len(views) > 1 {
			continue // on its way, aside in hydrasync's folder: the restart is to bring it back
		}
		if explained(views, path, have) || len(views) > 1 && h.grows(views[0].at(path), h.logs[to][path], have, path, read) {
			continue
		}
		return fmt.Errorf("%q is %v; it was confirmed as %v, and was %v later", path, have, views[0].at(path), views[len(views)-1].at(path))
	}
	return nil
}

// explained says whether the source had that thing, as a whole. Modes and times
// of something that is changed in place come one after the other.
func explained(views []tree, path string, have thing) bool {
	var content, mode, time bool
	for _, v := range views {
		o := v.at(path)
		if o == have {
			return true
		}
		if o.mode.Type() == have.mode.Type() && o.size == have.size && o.sum == have.sum && o.target == have.target {
			content = true
		}
		mode = mode || o.mode == have.mode
		time = time || o.mtime == have.mtime
	}
	if have.mode.IsDir() && content && len(views) > 1 {
		return true // its mode may be what lets us work in it
	}
	return content && mode && time && len(views) > 1
}

// grows says whether a log is something between two confirmed states of it: appends
// arrive in order, and are the one thing that is not all or nothing.
func (h *history) grows(first thing, whole []byte, have thing, path string, read func(string) ([]byte, error)) bool {
	if len(whole) == 0 || first.mode != have.mode || have.size < first.size {
		return false
	}
	b, err := read(path)
	if h.loose && err == nil {
		b = b[:first.size]
	}
	return err == nil && bytes.HasPrefix(whole, b)
}
