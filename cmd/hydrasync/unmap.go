package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapProgram lets go of the pages of the program and its libraries that were
// read until now: start and first copy run through most of the code, rest through
// little. The kernel keeps them as cache, which it may take back, and maps
// again what is used again, without reading. It returns how many bytes were mapped
// in what it asked for. A mapping with pages of its own (written when the
// program was loaded, or by a debugger) is left alone, for madvise(2) would lose them.
func unmapProgram() (int, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	total := 0
	var at mapping
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "Rss:":
			at.resident = kibibytes(rest)
		case "Anonymous:":
			at.own = kibibytes(rest)
		case "VmFlags:": // the last line of a mapping
			if !at.program || at.own > 0 || at.resident == 0 {
				continue
			}
			if at.unmap() == nil { // else locked in memory, by mlockall(2)
				total += at.resident
			}
		default:
			if from, to, ok := strings.Cut(name, "-"); ok {
				at = parseMapping(from, to, rest)
			}
		}
	}
	return total, lines.Err()
}

// mapping is a part of the address space; see proc_pid_smaps(5).
type mapping struct {
	from, to      uintptr
	program       bool // of a file, private, never written
	resident, own int  // bytes
}

// parseMapping reads "5619… -561a… r-xp 00001000 fe:00 1234  /path".
func parseMapping(from, to, rest string) mapping {
	a, _ := strconv.ParseUint(from, 16, 64)
	b, _ := strconv.ParseUint(to, 16, 64)
	fields := strings.Fields(rest)
	file := len(fields) > 4 && fields[3] != "0" && strings.HasPrefix(fields[0], "r-") && strings.HasSuffix(fields[0], "p")
	return mapping{from: uintptr(a), to: uintptr(b), program: file}
}

func kibibytes(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(s, "kB")))
	return n << 10
}

func (m mapping) unmap() error {
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	if errno != 0 {
		return errno
	}
	return nil
}
