package ignore_test

import (
	"slices"
	"strings"
)

// slowDecider is a second implementation, written from gitignore(5) to be
// obvious and not fast. It returns the number (from 1) of the line that decides
// on path, 0 if none does.
func slowDecider(lines []string, path string, isDir bool) int {
	lines = slices.Clone(lines)
	lines[0] = strings.TrimPrefix(lines[0], "\ufeff") // a byte order mark
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if n := slowLast(lines, path[:i], true); n > 0 && lines[n-1][0] != '!' {
			return n
		}
	}
	return slowLast(lines, path, isDir)
}

func slowLast(lines []string, path string, isDir bool) int {
	for n := len(lines); n > 0; n-- {
		if slowMatch(lines[n-1], path, isDir) {
			return n
		}
	}
	return 0
}

func slowMatch(line, path string, isDir bool) bool {
	if line == "" || line[0] == '#' {
		return false
	}
	p := strings.TrimSuffix(line, "\r")
	for strings.HasSuffix(p, " ") && !blankIsEscaped(p) {
		p = p[:len(p)-1]
	}
	p = strings.TrimPrefix(p, "!")
	if strings.HasSuffix(p, "/") {
		if !isDir {
			return false
		}
		p = p[:len(p)-1]
	}
	if !strings.Contains(p, "/") {
		path = path[strings.LastIndexByte(path, '/')+1:]
		return newSlow(p, path).at(0, 0)
	}
	return newSlow(strings.TrimPrefix(p, "/"), path).at(0, 0)
}

// blankIsEscaped: an odd number of backslashes stands before the last byte.
func blankIsEscaped(p string) bool {
	p = p[:len(p)-1]
	return (len(p)-len(strings.TrimRight(p, `\`)))%2 == 1
}

// slow remembers what it has tried, so that it ends in good time.
type slow struct {
	p, s string
	bad  map[[2]int]bool
}

func newSlow(p, s string) *slow { return &slow{p, s, map[[2]int]bool{}} }

// at says whether p from i on matches s from j on.
func (m *slow) at(i, j int) bool {
	if m.bad[[2]int{i, j}] {
		return false
	}
	if m.try(i, j) {
		return true
	}
	m.bad[[2]int{i, j}] = true
	return false
}

func (m *slow) try(i, j int) bool {
	if i == len(m.p) {
		return j == len(m.s)
	}
	if m.p[i] == '*' {
		return m.stars(i, j)
	}
	if j == len(m.s) {
		return false
	}
	switch m.p[i] {
	case '?':
		return m.s[j] != '/' && m.at(i+1, j+1)
	case '[':
		next, hit := slowClass(m.p, i+1, m.s[j])
		return next > 0 && hit && m.s[j] != '/' && m.at(next, j+1)
	case '\\':
		i++
	}
	return i < len(m.p) && m.p[i] == m.s[j] && m.at(i+1, j+1)
}

func (m *slow) stars(i, j int) bool {
	end := i
	for end < len(m.p) && m.p[end] == '*' {
		end++
	}
	deep := end-i >= 2 &&
		(i == 0 || m.p[i-1] == '/') &&
		(end == len(m.p) || m.p[end] == '/' || strings.HasPrefix(m.p[end:], `\/`))
	if deep && end < len(m.p) && m.p[end] == '/' && m.at(end+1, j) {
		return true
	}
	for ; ; j++ {
		if m.at(end, j) {
			return true
		}
		if j == len(m.s) || m.s[j] == '/' && !deep {
			return false
		}
	}
}

// slowClass returns the index behind the class, 0 if it is malformed, and
// whether it holds b.
func slowClass(p string, i int, b byte) (next int, hit bool) {
	negate := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negate {
		i++
	}
	low, begin := -1, i
	for ; i < len(p) && (p[i] != ']' || i == begin); i++ {
		if rest := p[i:]; strings.HasPrefix(rest, "[:") {
			end := strings.IndexByte(rest[2:], ']')
			if end < 0 {
				return 0, false
			}
			if word := rest[2 : 2+end]; strings.HasSuffix(word, ":") {
				members, known := slowNames[strings.TrimSuffix(word, ":")]
				if !known {
					return 0, false
				}
				hit = hit || strings.IndexByte(members, b) >= 0
				low, i = -1, i+2+end
				continue
			}
		}
		isRange := p[i] == '-' && low >= 0 && i+1 < len(p) && p[i+1] != ']'
		if isRange {
			i++
		}
		if p[i] == '\\' {
			i++
		}
		if i == len(p) {
			return 0, false
		}
		if isRange {
			hit = hit || low <= int(b) && b <= p[i]
			low = -1
			continue
		}
		hit = hit || p[i] == b
		low = int(p[i])
	}
	if i >= len(p) {
		return 0, false
	}
	return i + 1, hit != negate
}

const (
	digits = "0123456789"
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	puncts = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

var slowNames = map[string]string{
	"alnum": digits + lowers + uppers, "alpha": lowers + uppers, "blank": " \t",
	"cntrl": "\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f",
	"digit": digits, "graph": digits + lowers + uppers + puncts, "lower": lowers,
	"print": " " + digits + lowers + uppers + puncts, "punct": puncts, "space": " \t\n\r",
	"upper": uppers, "xdigit": digits + "abcdefABCDEF",
}
