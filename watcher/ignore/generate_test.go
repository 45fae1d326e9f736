package ignore_test

import (
	"math/rand/v2"
	"strings"
)

// place is a path that exists in the test's tree.
type place struct {
	path  string
	isDir bool
}

// The names overlap on purpose: patterns made of the same few bytes meet many
// of them. "git" must not appear as ".git".
var (
	dirNames  = []string{"a", "b", "ab", "foo", "a b", "[a]", "A.d", "x\xff"}
	fileNames = []string{
		"a", "b", "c", "ab", "abc", "aab", "a.b", "foo", "foo.o", "bar.o", "x1", "12", "A", "a b", "a ", "[a]", "!a", "#a",
		`a\b`, `\`, "*", "**", "?", "a-b", "-", "]", "^", "é", "\xff\xfe", "a\r", "a\t", ".a", "a:b", "!", "#", "a\nb", "{a,b}",
	}
)

// randomTree draws the paths of a tree, parents before children.
func randomTree(r *rand.Rand, size int) []place {
	places := []place{{"foo", true}, {"foo/bar", true}}
	seen := map[string]bool{"foo": true, "foo/bar": true}
	dirs := []string{"", "foo", "foo/bar"}
	for len(places) < size {
		dir, isDir := pick(r, dirs), r.IntN(4) == 0
		name := pick(r, fileNames)
		if isDir {
			name = pick(r, dirNames)
		}
		path := strings.TrimPrefix(dir+"/"+name, "/")
		if seen[path] || strings.Count(path, "/") > 4 {
			continue
		}
		seen[path] = true
		places = append(places, place{path, isDir})
		if isDir {
			dirs = append(dirs, path)
		}
	}
	return places
}

// randomLines draws a pattern file for a tree.
func randomLines(r *rand.Rand, places []place) []string {
	lines := make([]string, 1+r.IntN(6))
	for i := range lines {
		lines[i] = randomLine(r, places)
	}
	return lines
}

func randomLine(r *rand.Rand, places []place) string {
	var body string
	if r.IntN(5) < 3 {
		body = blurPath(r, pick(r, places).path)
	} else {
		body = randomBody(r)
	}
	body = maybe(r, 5, "/") + maybe(r, 8, "**/") + body + maybe(r, 10, "/**") + maybe(r, 6, "/")
	return maybe(r, 4, "!") + strings.ReplaceAll(body, "\n", "?") + maybe(r, 15, " ") + maybe(r, 30, `\ `) + maybe(r, 20, "\r")
}

// randomBody strings together whatever has a meaning.
func randomBody(r *rand.Rand) string {
	pieces := []string{
		"a", "b", "c", "1", "A", ".o", "foo", "a b", "\xff", "é", "*", "*", "**", "?", "/", "/", "**/", "/**", "/**/", `\`, `\/`, `\*`, `\\`, " ", "!", "#", "^", "-", "]", "[", "[]", "[!", "[^", "[a-c]", "[!a]", "[^a-b]", "[]a]", "[]-a]", "[a-]", "[-a]", "[c-a]", `[\]a]`, `[\a-\c]`, "[a/]", "[!/]", "[[:alpha:]]", "[[:digit:]", "[![:alnum:]]", "[[:bogus:]]", "[[:]", "[[:a]", "[a-[:digit:]]", "[[:digit:]-a]", "[*]", "[?]", "[[]",
	}
	var b strings.Builder
	for range 1 + r.IntN(5) {
		b.WriteString(pick(r, pieces))
	}
	return b.String()
}

// blurPath turns a path into a pattern that has a good chance to match it.
func blurPath(r *rand.Rand, path string) string {
	parts := strings.Split(path, "/")
	parts = parts[r.IntN(len(parts)):]
	if r.IntN(3) == 0 {
		parts = parts[:1+r.IntN(len(parts))]
	}
	for i := range parts {
		parts[i] = blurName(r, parts[i])
	}
	return strings.Join(parts, "/")
}

func blurName(r *rand.Rand, name string) string {
	at := r.IntN(len(name))
	switch r.IntN(12) {
	case 0:
		return "*"
	case 1:
		return "**"
	case 2:
		return quote(r, name[:at]) + "*"
	case 3:
		return "*" + quote(r, name[at:])
	case 4:
		return quote(r, name[:at]) + "*" + quote(r, name[at:])
	case 5:
		return quote(r, name[:at]) + "?" + quote(r, name[at+1:])
	case 6:
		return quote(r, name[:at]) + blurByte(r, name[at]) + quote(r, name[at+1:])
	case 7:
		return "*" + blurByte(r, name[at]) + "*"
	case 8:
		return quote(r, name[:at]) + "**" + quote(r, name[at:])
	}
	return quote(r, name)
}

// blurByte is a class that may hold b.
func blurByte(r *rand.Rand, b byte) string {
	protect := ""
	if strings.IndexByte(`]\!^-[`, b) >= 0 && r.IntN(3) > 0 {
		protect = `\`
	}
	member := protect + string([]byte{b})
	return pick(r, []string{
		"[" + member + "]", "[x" + member + "]", "[!" + member + "]", "[^x]", "[a-z]", "[!a-z]", "[" + member + "-z]", "[ -" + member + "]",
		"[[:alpha:]" + member + "]", "[[:punct:]]", "[![:space:]]", "[[:upper:][:digit:]" + member + "]", "[" + member,
	})
}

// quote protects what has a meaning, mostly.
func quote(r *rand.Rand, s string) string {
	if r.IntN(6) == 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(`*?[\`, s[i]) >= 0 || i == 0 && (s[i] == '!' || s[i] == '#') {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func maybe(r *rand.Rand, oneIn int, s string) string {
	if r.IntN(oneIn) == 0 {
		return s
	}
	return ""
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
