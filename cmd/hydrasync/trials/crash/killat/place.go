//go:build linux && amd64

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stop is a thread at the door of a system call.
type stop struct {
	tid  int
	regs *unix.PtraceRegs
}

// arg is the i-th argument.
func (s stop) arg(i int) uint64 {
	r := s.regs
	return [...]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}[i]
}

// ficlone is the ioctl that changes a file.
const ficlone = 0x40049409

// name is that of the call, "" if these arguments are none of ours.
func (s stop) name(c call) string {
	flags := uint64(0)
	switch s.regs.Orig_rax {
	case unix.SYS_IOCTL:
		if uint32(s.arg(1)) != ficlone {
			return ""
		}
	case unix.SYS_FCNTL:
		if s.arg(1) != unix.F_DUPFD && s.arg(1) != unix.F_DUPFD_CLOEXEC {
			return ""
		}
	case unix.SYS_OPEN:
		flags = s.arg(1)
	case unix.SYS_OPENAT:
		flags = s.arg(2)
	case unix.SYS_OPENAT2:
		var how [8]byte
		s.read(s.arg(2), how[:])
		flags = binary.LittleEndian.Uint64(how[:])
	}
	const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
	if flags&(unix.O_CREAT|unix.O_TRUNC|tmpfile) != 0 {
		return "create"
	}
	return c.name
}

// file is what the call is about: a path, or what /proc calls a descriptor.
func (s stop) file(w where) string {
	if w.path < 0 {
		if w.fd < 0 {
			return ""
		}
		return s.link(fmt.Sprint("fd/", int32(s.arg(w.fd))))
	}
	path := s.text(s.arg(w.path))
	if no, ok := strings.CutPrefix(path, "/proc/self/fd/"); ok {
		no, rest, _ := strings.Cut(no, "/")
		return filepath.Join(s.link("fd/"+no), rest)
	}
	if filepath.IsAbs(path) {
		return path
	}
	dir := "cwd"
	if w.fd >= 0 && int32(s.arg(w.fd)) != unix.AT_FDCWD {
		dir = fmt.Sprint("fd/", int32(s.arg(w.fd)))
	}
	return filepath.Join(s.link(dir), path)
}

// std says whether the call only prints.
func (s stop) std(w where) bool { return w.path < 0 && w.fd >= 0 && int32(s.arg(w.fd)) <= 2 }

func (s stop) link(name string) string {
	to, _ := os.Readlink("/proc/" + strconv.Itoa(s.tid) + "/" + name)
	return to
}

// text reads a C string.
func (s stop) text(at uint64) string {
	b := make([]byte, unix.PathMax)
	b = b[:s.read(at, b)]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return string(b[:end])
	}
	return ""
}

// read copies memory of the process, as much as there is.
func (s stop) read(at uint64, b []byte) int {
	f, err := os.Open("/proc/" + strconv.Itoa(s.tid) + "/mem")
	if err != nil {
		return 0
	}
	defer f.Close()
	n, _ := f.ReadAt(b, int64(at))
	return n
}
