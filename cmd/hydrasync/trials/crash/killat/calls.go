//go:build linux && amd64

package main

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// where says which arguments of a call name what it changes.
type where struct {
	fd   int // argument with a descriptor, or the directory of path; none: -1
	path int // argument with a path; none: -1
}

var (
	byFD    = where{0, -1}
	byPath  = where{-1, 0}
	byAt    = where{0, 1}
	nowhere = where{-1, -1}
)

// call is a system call that may be counted.
type call struct {
	name  string
	where where
	group string // change, open, read, new
}

// The calls that create are also known as "create", and those of them that only
// open as "open", see [tracer.nameOf].
var calls = map[uint64]call{
	unix.SYS_WRITE: {"write", byFD, "change"}, unix.SYS_PWRITE64: {"pwrite64", byFD, "change"}, unix.SYS_WRITEV: {"writev", byFD, "change"},
	unix.SYS_PWRITEV: {"pwritev", byFD, "change"}, unix.SYS_PWRITEV2: {"pwritev2", byFD, "change"},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", where{2, -1}, "change"}, unix.SYS_SENDFILE: {"sendfile", byFD, "change"}, unix.SYS_SPLICE: {"splice", where{2, -1}, "change"},
	unix.SYS_IOCTL: {"ficlone", byFD, "change"},

	unix.SYS_OPEN: {"open", byPath, "open"}, unix.SYS_OPENAT: {"open", byAt, "open"}, unix.SYS_OPENAT2: {"open", byAt, "open"}, unix.SYS_CREAT: {"create", byPath, "change"},
	unix.SYS_FCNTL: {"dup", byFD, "open"}, unix.SYS_SOCKET: {"socket", nowhere, "new"}, unix.SYS_ACCEPT4: {"accept4", nowhere, "new"}, unix.SYS_INOTIFY_INIT1: {"inotify_init1", nowhere, "new"},
	unix.SYS_EPOLL_CREATE1: {"epoll_create1", nowhere, "new"}, unix.SYS_INOTIFY_ADD_WATCH: {"inotify_add_watch", where{-1, 1}, "open"},

	unix.SYS_RENAME: {"rename", where{-1, 1}, "change"}, unix.SYS_RENAMEAT: {"renameat", where{2, 3}, "change"}, unix.SYS_RENAMEAT2: {"renameat2", where{2, 3}, "change"},
	unix.SYS_UNLINK: {"unlink", byPath, "change"}, unix.SYS_UNLINKAT: {"unlinkat", byAt, "change"}, unix.SYS_RMDIR: {"rmdir", byPath, "change"},
	unix.SYS_MKDIR: {"mkdir", byPath, "change"}, unix.SYS_MKDIRAT: {"mkdirat", byAt, "change"}, unix.SYS_MKNOD: {"mknod", byPath, "change"}, unix.SYS_MKNODAT: {"mknodat", byAt, "change"},
	unix.SYS_LINK: {"link", where{-1, 1}, "change"}, unix.SYS_LINKAT: {"linkat", where{2, 3}, "change"},
	unix.SYS_SYMLINK: {"symlink", where{-1, 1}, "change"}, unix.SYS_SYMLINKAT: {"symlinkat", where{1, 2}, "change"},

	unix.SYS_CHMOD: {"chmod", byPath, "change"}, unix.SYS_FCHMOD: {"fchmod", byFD, "change"}, unix.SYS_FCHMODAT: {"fchmodat", byAt, "change"}, unix.SYS_FCHMODAT2: {"fchmodat2", byAt, "change"},
	unix.SYS_CHOWN: {"chown", byPath, "change"}, unix.SYS_LCHOWN: {"lchown", byPath, "change"}, unix.SYS_FCHOWN: {"fchown", byFD, "change"}, unix.SYS_FCHOWNAT: {"fchownat", byAt, "change"},
	unix.SYS_UTIMENSAT: {"utimensat", byAt, "change"},
	unix.SYS_SETXATTR:  {"setxattr", byPath, "change"}, unix.SYS_LSETXATTR: {"lsetxattr", byPath, "change"}, unix.SYS_FSETXATTR: {"fsetxattr", byFD, "change"},
	unix.SYS_REMOVEXATTR: {"removexattr", byPath, "change"}, unix.SYS_LREMOVEXATTR: {"lremovexattr", byPath, "change"}, unix.SYS_FREMOVEXATTR: {"fremovexattr", byFD, "change"},
	unix.SYS_TRUNCATE: {"truncate", byPath, "change"}, unix.SYS_FTRUNCATE: {"ftruncate", byFD, "change"}, unix.SYS_FALLOCATE: {"fallocate", byFD, "change"},

	unix.SYS_FSYNC: {"fsync", byFD, "change"}, unix.SYS_FDATASYNC: {"fdatasync", byFD, "change"},
	unix.SYS_SYNC_FILE_RANGE: {"sync_file_range", byFD, "change"}, unix.SYS_SYNCFS: {"syncfs", byFD, "change"},

	unix.SYS_READ: {"read", byFD, "read"}, unix.SYS_PREAD64: {"pread64", byFD, "read"}, unix.SYS_GETDENTS64: {"getdents64", byFD, "read"},
}

// wanted is a choice of calls.
type wanted map[string]bool

// wantedCalls understands the names of calls and of groups.
func wantedCalls(names []string) (wanted, error) {
	w := wanted{}
	for _, name := range names {
		found := name == "create" || name == "send" // those that are told apart by their arguments
		w[name] = true
		for _, c := range calls {
			if c.name == name {
				found = true
			}
			if c.group == name {
				found, w[c.name] = true, true
			}
		}
		if name == "change" {
			w["create"] = true
		}
		if !found {
			return nil, fmt.Errorf("-calls: no call or group is named %q", name)
		}
	}
	return w, nil
}

// numbers are those of the calls that the filter has to stop at.
func (w wanted) numbers() []uint64 {
	var numbers []uint64
	for _, no := range slices.Sorted(maps.Keys(calls)) {
		c := calls[no]
		if w[c.name] || c.name == "open" && w["create"] {
			numbers = append(numbers, no)
		}
	}
	return numbers
}
