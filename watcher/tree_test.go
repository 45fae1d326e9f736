package watcher_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// picture is a tree as text, one line a path: what is on a disk, or what a
// journal says is on it.
type picture map[string]string

// diff is what two pictures disagree on.
func (p picture) diff(o picture) string {
	var b strings.Builder
	both := picture{}
	maps.Copy(both, p)
	maps.Copy(both, o)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		if p[path] != o[path] {
			fmt.Fprintf(&b, "%q:\n  got  %s\n  want %s\n", path, p[path], o[path])
		}
	}
	return b.String()
}

// without leaves out paths with what is beneath them.
func (p picture) without(aside []string) picture {
	if len(aside) == 0 {
		return p
	}
	rest := maps.Clone(p)
	maps.DeleteFunc(rest, func(path, _ string) bool {
		return slices.ContainsFunc(aside, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") })
	})
	return rest
}

// onDisk walks a tree with nothing but the standard library. What is aside is
// left out.
func onDisk(root string, aside ...string) (picture, error) {
	p, names := picture{}, map[uint64][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		switch {
		case slices.Contains(aside, rel) && d != nil && d.IsDir():
			return fs.SkipDir
		case slices.Contains(aside, rel):
			return nil
		case err != nil && slices.ContainsFunc(aside, func(a string) bool { return strings.HasPrefix(a, rel+"/") }):
			return nil // its names were given, but one of them has no stat
		case err != nil:
			return err
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return err
		}
		line, err := describe(path, fi)
		if line == "" || err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		if !fi.IsDir() {
			names[st.Ino] = append(names[st.Ino], rel)
		}
		p[rel] = line
		return nil
	})
	for _, group := range names {
		for _, path := range group {
			p[path] += fmt.Sprintf(" links %q", group)
		}
	}
	return p, err
}

func describe(path string, fi fs.FileInfo) (string, error) {
	st := fi.Sys().(*syscall.Stat_t)
	attrs, err := attrsOf(path)
	if err != nil {
		return "", err
	}
	own := fmt.Sprintf("%04o %d:%d %v", st.Mode&0o7777, st.Uid, st.Gid, attrs)
	switch fi.Mode().Type() {
	case 0:
		b, err := os.ReadFile(path)
		return fmt.Sprintf("file %s %d.%09d %d %x", own, st.Mtim.Sec, st.Mtim.Nsec, len(b), sha256.Sum256(b)), err
	case fs.ModeDir:
		return "dir " + own, nil
	case fs.ModeSymlink:
		to, err := os.Readlink(path)
		return fmt.Sprintf("symlink %s %d.%09d -> %q", own, st.Mtim.Sec, st.Mtim.Nsec, to), err
	}
	return "", nil
}

func attrsOf(path string) ([]string, error) {
	var list [4096]byte
	n, err := unix.Llistxattr(path, list[:])
	if err == unix.ENOTSUP {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var attrs []string
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.selinux") {
			continue
		}
		var value [4096]byte
		n, err := unix.Lgetxattr(path, name, value[:])
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, fmt.Sprintf("%s=%x", name, value[:n]))
	}
	slices.Sort(attrs)
	return attrs, nil
}

// inJournal walks the journal's nodes. It also returns each path's id.
func inJournal(ctx context.Context, j *journal.Journal) (picture, map[string]journal.Stored, error) {
	p, rows := picture{}, map[string]journal.Stored{}
	groups := map[string][]string{}
	var walk func(path string, row journal.Stored) error
	walk = func(path string, row journal.Stored) error {
		p[path], rows[path] = describeNode(row.Node), row
		if row.Node.Kind != journal.Dir {
			key := fmt.Sprint("link ", row.Node.Link)
			if row.Node.Link == 0 {
				key = fmt.Sprint("node ", row.Node.ID)
			}
			groups[key] = append(groups[key], path)
		}
		if row.Node.Kind != journal.Dir {
			return nil
		}
		children, err := j.Children(ctx, row.Node.ID)
		for _, child := range children {
			if err := walk(strings.TrimPrefix(path+"/"+child.Node.Name, "/"), child); err != nil {
				return err
			}
		}
		return err
	}
	root, err := j.Node(ctx, journal.Root)
	if err != nil {
		return nil, nil, err
	}
	err = walk("", root)
	for key, group := range groups {
		slices.SortFunc(group, byWalk)
		for _, path := range group {
			if len(group) == 1 && strings.HasPrefix(key, "link ") {
				p[path] += " linked to nothing"
			}
			p[path] += fmt.Sprintf(" links %q", group)
		}
	}
	return p, rows, err
}

// byWalk is the order in which WalkDir meets paths.
func byWalk(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

func describeNode(n journal.Node) string {
	var attrs []string
	for _, x := range n.Xattrs {
		attrs = append(attrs, fmt.Sprintf("%s=%x", x.Name, x.Value))
	}
	own := fmt.Sprintf("%04o %d:%d %v", n.Mode, n.UID, n.GID, attrs)
	switch n.Kind {
	case journal.File:
		return fmt.Sprintf("file %s %d.%09d %d %s", own, n.MTime.Sec, n.MTime.Nsec, n.Body.Size, n.Body.Digest)
	case journal.Symlink:
		return fmt.Sprintf("symlink %s %d.%09d -> %q", own, n.MTime.Sec, n.MTime.Nsec, n.Target)
	}
	return "dir " + own
}

func mustNot(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
