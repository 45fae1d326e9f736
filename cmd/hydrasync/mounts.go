package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	dev   string // major:minor of the file system
	root  string // which of its directories is mounted
	point string // where
}

// mounts are in the order in which they were made: a later one covers an earlier.
type mounts []mount

func readMounts() (mounts, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

func parseMounts(r io.Reader) (mounts, error) {
	var all mounts
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			all = append(all, mount{fields[2], unescapeMount(fields[3]), unescapeMount(fields[4])})
		}
	}
	return all, lines.Err()
}

// unescapeMount undoes the kernel's octal escapes of blanks and backslashes.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// on is the place of a path on its own file system, whatever it is mounted as.
func (m mounts) on(path string) (dev, at string) {
	var best mount
	for _, one := range m {
		if within(one.point, path) && len(one.point) >= len(best.point) {
			best = one
		}
	}
	return best.dev, filepath.Join(best.root, strings.TrimPrefix(path, best.point))
}

// reaches says that walking down from dir, through mounts too, meets path.
func (m mounts) reaches(dir, path string) bool {
	dev, at := m.on(path)
	covers := func(d, top string) bool { return d == dev && within(top, at) }
	if covers(m.on(dir)) {
		return true
	}
	for _, one := range m {
		if within(dir, one.point) && covers(one.dev, one.root) {
			return true
		}
	}
	return false
}

// within says that path is dir or lies beneath it; both are clean and absolute.
func within(dir, path string) bool {
	return dir == path || dir == "/" || strings.HasPrefix(path, dir+"/")
}
