package ignore_test

import (
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/watcher/ignore"
)

// FuzzExplain: nothing panics, and the slow reference agrees on every path
// that can be.
func FuzzExplain(f *testing.F) {
	for i, lines := range trickyLines {
		places := trickyPlaces()
		p := places[i%len(places)]
		f.Add(strings.Join(lines, "\n"), p.path, p.isDir)
	}
	f.Fuzz(func(t *testing.T, content, path string, isDir bool) {
		rules, err := ignore.ParseFile("patterns", []byte(content))
		if err != nil {
			return
		}
		rules.Doubts()
		rule, _ := rules.Explain(path, isDir)
		if len(content) > 1000 || len(path) > 1000 || !isClean(path) {
			return
		}
		if want := slowDecider(strings.Split(content, "\n"), path, isDir); rule.Line != want {
			t.Errorf("%q (dir: %v) against %q: decided by line %d, the slow reference says %d", path, isDir, content, rule.Line, want)
		}
	})
}

// isClean: relative, without NUL, and every name is one.
func isClean(path string) bool {
	return path != "." && !strings.Contains(path, "\x00") && !strings.Contains("/"+path+"/", "//")
}

// Backtracking would need longer than the age of the universe here.
func TestHostilePatternsEndSoon(t *testing.T) {
	name := strings.Repeat("a", 4000)
	path := strings.Repeat("a/", 2000) + "b"
	for _, tt := range []struct{ pattern, path string }{
		{strings.Repeat("*a", 1000) + "b", name},
		{strings.Repeat("*?", 1000) + "[b]", name},
		{strings.Repeat("a*", 1000) + "[b]", name},
		{strings.Repeat("**/a/", 500) + "c", path},
		{strings.Repeat("**/*a*/", 500) + "[c]", path},
		{strings.Repeat("**/", 1000) + "c", path},
		{strings.Repeat(`**\/`, 1000) + "c", path},
	} {
		if mustParse(t, tt.pattern).Match(tt.path, false) {
			t.Errorf("%.20q… matches", tt.pattern)
		}
	}
}
