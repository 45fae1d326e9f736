package crash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	"golang.org/x/sys/unix"
)

// judge says in what two trees differ, "" if in nothing. It knows nothing of
// hydrasync but the name of its folder, and the names that were put into the replica by others.
func judge(src, dst string) (string, error) {
	want, err := picture(src)
	if err != nil {
		return "", err
	}
	got, err := picture(dst)
	if err != nil {
		return err.Error(), nil // it changes while we look
	}
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if g, ok := got[name]; !ok {
			differ = append(differ, fmt.Sprintf("%s is missing", name))
		} else if g != want[name] {
			differ = append(differ, fmt.Sprintf("%s is\n\t%s, want\n\t%s", name, g, want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			differ = append(differ, name+" is too much: "+got[name])
		}
	}
	return strings.Join(differ, "\n"), nil
}

// picture is a line for each name of a tree.
func picture(root string) (map[string]string, error) {
	lines := make(map[string]string)
	groups := make(map[uint64]string) // inodes with several names, by the first of them
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		switch {
		case name == stateName:
			return fs.SkipDir
		case foreign(name):
			return nil
		}
		lines[name], err = line(path, name, groups)
		return err
	})
	return lines, err
}

func line(path, name string, groups map[uint64]string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	text := fmt.Sprintf("mode %o owner %d:%d", st.Mode, st.Uid, st.Gid)
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR {
		text += fmt.Sprintf(" time %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		if st.Nlink > 1 {
			if groups[st.Ino] == "" {
				groups[st.Ino] = name
			}
			text += fmt.Sprintf(" one of %d like %s", st.Nlink, groups[st.Ino])
		}
	}
	switch kind {
	case unix.S_IFREG:
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" size %d sum %.8x", len(b), sha256.Sum256(b))
	case unix.S_IFLNK:
		to, err := os.Readlink(path)
		return text + " to " + to, err
	}
	more, err := attributes(path)
	return text + more, err
}

func attributes(path string) (string, error) {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	if err == unix.ENOTSUP || n <= 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var text string
	names := strings.Split(strings.TrimRight(string(list[:n]), "\x00"), "\x00")
	slices.Sort(names)
	for _, name := range names {
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf(" %s=%q", name, value[:n])
	}
	return text, nil
}

// secondOpinion is that of all trials.
func secondOpinion(src, dst string) error {
	if differ := stand.Judge(src, dst, foreignName); differ != "" {
		return errors.New("rsync finds a difference: " + differ)
	}
	return nil
}

// allocated is how much of a file is not a hole.
func allocated(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Sys().(*syscall.Stat_t).Blocks * 512
}
