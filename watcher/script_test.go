package watcher_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// args are the words of one command, the verb first.
type args []string

func (a args) at(i int) string {
	if i >= len(a) {
		return ""
	}
	return a[i]
}

// num is a number, octal for modes.
func (a args) num(i, base int) (int, error) {
	n, err := strconv.ParseInt(a.at(i), base, 64)
	return int(n), err
}

// A verb changes the tree, or what is around it. Paths beginning with "../" are
// beside the tree.
type verb func(r *rig, a args) error

func (r *rig) do(words []string) error {
	a := args(words)
	for _, set := range []map[string]verb{nameVerbs, byteVerbs, attributeVerbs, handleVerbs, mountVerbs, faultVerbs, watcherVerbs} {
		if v, ok := set[a.at(0)]; ok {
			return v(r, a)
		}
	}
	if a.at(0) == "many" {
		return r.many(a)
	}
	return fmt.Errorf("no such command")
}

// many N COMMAND... does it N times; %d in a word is the number of the time.
func (r *rig) many(a args) error {
	n, err := a.num(1, 10)
	for i := 0; i < n && err == nil; i++ {
		var each []string
		for _, word := range a[2:] {
			each = append(each, strings.ReplaceAll(word, "%d", strconv.Itoa(i)))
		}
		err = r.do(each)
	}
	return err
}

// nameVerbs make names, move and remove them.
var nameVerbs = map[string]verb{
	"mkdir": func(r *rig, a args) error { return os.MkdirAll(r.path(a.at(1)), 0o755) },
	"mv":    func(r *rig, a args) error { return os.Rename(r.path(a.at(1)), r.path(a.at(2))) },
	"swap": func(r *rig, a args) error {
		return unix.Renameat2(unix.AT_FDCWD, r.path(a.at(1)), unix.AT_FDCWD, r.path(a.at(2)), unix.RENAME_EXCHANGE)
	},
	"rm":      func(r *rig, a args) error { return os.RemoveAll(r.path(a.at(1))) },
	"link":    func(r *rig, a args) error { return os.Link(r.path(a.at(1)), r.path(a.at(2))) },
	"symlink": func(r *rig, a args) error { return os.Symlink(a.at(1), r.path(a.at(2))) },
	"fifo":    func(r *rig, a args) error { return unix.Mkfifo(r.path(a.at(1)), 0o644) },
	"socket":  func(r *rig, a args) error { return unix.Mknod(r.path(a.at(1)), unix.S_IFSOCK|0o644, 0) },
	"device": func(r *rig, a args) error {
		return unix.Mknod(r.path(a.at(1)), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3)))
	},
	"tmpfile": func(r *rig, a args) error { return tmpfile(r.path(a.at(1)), a.at(2)) },
}

// byteVerbs write.
var byteVerbs = map[string]verb{
	"write": func(r *rig, a args) error { return os.WriteFile(r.path(a.at(1)), []byte(a.at(2)), 0o644) },
	"fill": func(r *rig, a args) error { // fill PATH BYTES LETTER
		n, err := a.num(2, 10)
		if err != nil {
			return err
		}
		return os.WriteFile(r.path(a.at(1)), []byte(strings.Repeat(a.at(3), n)), 0o644)
	},
	"append": func(r *rig, a args) error {
		return openAnd(r.path(a.at(1)), os.O_APPEND, func(f *os.File) error { _, err := f.WriteString(a.at(2)); return err })
	},
	"patch": func(r *rig, a args) error { // patch PATH OFFSET TEXT
		at, err := a.num(2, 10)
		if err != nil {
			return err
		}
		return openAnd(r.path(a.at(1)), 0, func(f *os.File) error { _, err := f.WriteAt([]byte(a.at(3)), int64(at)); return err })
	},
	"truncate": func(r *rig, a args) error {
		n, err := a.num(2, 10)
		if err != nil {
			return err
		}
		return os.Truncate(r.path(a.at(1)), int64(n))
	},
	"punch": func(r *rig, a args) error { // punch PATH OFFSET BYTES
		from, err := a.num(2, 10)
		if err != nil {
			return err
		}
		n, err := a.num(3, 10)
		if err != nil {
			return err
		}
		return openAnd(r.path(a.at(1)), 0, func(f *os.File) error {
			return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(from), int64(n))
		})
	},
}

// attributeVerbs change what is not bytes.
var attributeVerbs = map[string]verb{
	"chmod": func(r *rig, a args) error {
		mode, err := a.num(1, 8)
		if err != nil {
			return err
		}
		return unix.Chmod(r.path(a.at(2)), uint32(mode))
	},
	"chown": func(r *rig, a args) error {
		id, err := a.num(1, 10)
		if err != nil {
			return err
		}
		return os.Lchown(r.path(a.at(2)), id, id)
	},
	"touch": func(r *rig, a args) error { // touch SECONDS PATH
		s, err := a.num(1, 10)
		if err != nil {
			return err
		}
		return os.Chtimes(r.path(a.at(2)), time.Unix(int64(s), 0), time.Unix(int64(s), 0))
	},
	"xattr":    func(r *rig, a args) error { return unix.Lsetxattr(r.path(a.at(1)), a.at(2), []byte(a.at(3)), 0) },
	"xattr-rm": func(r *rig, a args) error { return unix.Lremovexattr(r.path(a.at(1)), a.at(2)) },
	"acl": func(r *rig, a args) error { // acl UID PATH: this user may read it
		uid, err := a.num(1, 10)
		if err != nil {
			return err
		}
		return unix.Lsetxattr(r.path(a.at(2)), "system.posix_acl_access", aclFor(uint32(uid)), 0)
	},
}

// aclFor is rw-r--r-- and one user more who may read, as <linux/posix_acl_xattr.h> has it.
func aclFor(uid uint32) []byte {
	const none = ^uint32(0)
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{0x01, 6, none}, {0x02, 4, uid}, {0x04, 4, none}, {0x10, 4, none}, {0x20, 4, none}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// tmpfile makes an unnamed file that gets its name when it is complete.
func tmpfile(path, text string) error {
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
