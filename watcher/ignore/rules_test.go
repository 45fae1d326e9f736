package ignore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/watcher/ignore"
)

func mustParse(t testing.TB, lines ...string) *ignore.Rules {
	t.Helper()
	rules, err := ignore.Parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestIgnored(t *testing.T) {
	tests := []struct {
		name    string
		lines   []string
		path    string // a directory if it ends with a slash
		ignored bool
	}{
		{"a name matches at any depth", []string{"out"}, "a/b/out", true},
		{"a slash at the front ties to the root", []string{"/out"}, "a/out", false},
		{"a slash in the middle ties to the root", []string{"a/b"}, "z/a/b", false},
		{"a slash at the end asks for a directory", []string{"out/"}, "out", false},
		{"a slash at the end takes a directory at any depth", []string{"out/"}, "a/out/", true},
		{"what is beneath an ignored directory is ignored", []string{"out/"}, "out/a/b", true},
		{"nothing beneath an ignored directory comes back", []string{"foo/", "!foo/keep"}, "foo/keep", true},
		{"what is beneath a kept directory may come back", []string{"foo/*", "!foo/keep"}, "foo/keep", false},
		{"the last match wins", []string{"*.log", "!a.log", "a.*"}, "a.log", true},
		{"a star stays within a name", []string{"a/*.c"}, "a/b/x.c", false},
		{"two stars cross names", []string{"a/**/x.c"}, "a/b/c/x.c", true},
		{"two stars also stand for no name", []string{"a/**/x.c"}, "a/x.c", true},
		{"two stars at the end leave the directory itself", []string{"a/**"}, "a/", false},
		{"two stars beside text are one star", []string{"foo**/bar"}, "foo/x/bar", false},
		{"two stars beside text match none", []string{"foo**/bar"}, "foo/bar", true},
		{"two stars beside text match the rest of a name", []string{"foo**/bar"}, "foot/bar", true},
		{"a class may be negated with an exclamation mark", []string{"[!a]"}, "b", true},
		{"a class may be negated with a caret", []string{"[^a]"}, "a", false},
		{"an unclosed class matches nothing", []string{"[ab"}, "[ab", false},
		{"blanks at the end do not count", []string{"a  "}, "a", true},
		{"an escaped blank at the end counts", []string{`a\ `}, "a ", true},
		{"one carriage return at the end does not count", []string{"a\r"}, "a", true},
		{"names are bytes", []string{"[\xf0-\xff]x"}, "\xfex", true},
		{"case is not folded", []string{"readme"}, "README", false},
		{"a comment says nothing", []string{"#a"}, "#a", false},
		{"the root is never ignored", []string{"*", "/**", "**/"}, "./", false},
		{"the root without a name is never ignored", []string{"*", "/**", "**/"}, "/", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, isDir := strings.CutSuffix(tt.path, "/")
			if got := mustParse(t, tt.lines...).Ignored(path, isDir); got != tt.ignored {
				t.Errorf("got %v, want %v", got, tt.ignored)
			}
		})
	}
}

func TestMatchLeavesParentsToTheWalker(t *testing.T) {
	rules := mustParse(t, "out/", "!keep")
	for path, want := range map[string]bool{"out": true, "out/a": false, "out/keep": false} {
		if got := rules.Match(path, true); got != want {
			t.Errorf("Match(%q): got %v, want %v", path, got, want)
		}
	}
}

func TestExplainNamesTheRuleThatDecided(t *testing.T) {
	file, err := ignore.ParseFile(".hydraignore", []byte("# objects\n\n*.o\n!keep.o\nbuild/\n"))
	if err != nil {
		t.Fatal(err)
	}
	rules := ignore.Join(file, nil, mustParse(t, "/keep.o"))
	for path, want := range map[string]string{
		"a/b.o":     ".hydraignore:3: *.o",
		"a/keep.o":  ".hydraignore:4: !keep.o",
		"keep.o":    "--ignore:1: /keep.o",
		"build/a/b": ".hydraignore:5: build/",
		"main.c":    "",
	} {
		got := ""
		if rule, found := rules.Explain(path, false); found {
			got = rule.String()
		}
		if got != want {
			t.Errorf("Explain(%q): got %q, want %q", path, got, want)
		}
	}
}

func TestARuleIsShownWithoutBytesThatHarmATerminal(t *testing.T) {
	for pattern, want := range map[string]string{
		`a\b"c`:     `--ignore:1: a\b"c`,
		"a\x1b[31m": `--ignore:1: "a\x1b[31m"`,
		"\xff":      `--ignore:1: "\xff"`,
	} {
		if got := mustParse(t, pattern).List()[0].String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRulesAreEqualWhenTheyDecideAlike(t *testing.T) {
	tests := []struct {
		name  string
		a, b  *ignore.Rules
		equal bool
	}{
		{"the same patterns", mustParse(t, "a", "!b"), mustParse(t, "a", "!b"), true},
		{"comments and blank lines differ", mustParse(t, "a", "b"), mustParse(t, "# x", "a", "", "b "), true},
		{"the order differs", mustParse(t, "a", "!b"), mustParse(t, "!b", "a"), false},
		{"one more", mustParse(t, "a"), mustParse(t, "a", "b"), false},
		{"none and nil", mustParse(t), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Equal(tt.b); got != tt.equal {
				t.Errorf("got %v, want %v", got, tt.equal)
			}
		})
	}
}

func TestNoRulesIgnoreNothing(t *testing.T) {
	var none *ignore.Rules
	_, found := none.Explain("a/b", false)
	if found || none.Match("a", true) || none.Ignored("a/b", false) || len(none.Doubts()) > 0 {
		t.Error("nil rules decided something")
	}
}

func TestJoinLeavesItsSourcesAlone(t *testing.T) {
	base := mustParse(t, "a", "b", "c")
	first, second := ignore.Join(base, mustParse(t, "x")), ignore.Join(base, mustParse(t, "!x"))
	if !first.Match("x", false) || second.Match("x", false) || base.Match("x", false) {
		t.Error("joined rules share their tail")
	}
}

func TestParseErrorsNameTheLineAndGiveAHint(t *testing.T) {
	tests := []struct {
		name  string
		parse func() error
		want  string
	}{
		{"a NUL byte in a file", func() error {
			_, err := ignore.ParseFile(".hydraignore", []byte("a\nb\x00"))
			return err
		}, "parse .hydraignore: line 2: a NUL byte, which no name can hold"},
		{"a line end in a given pattern", func() error {
			_, err := ignore.Parse([]string{"a", "b\nc"})
			return err
		}, "parse --ignore: line 2: a pattern holds a line end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var parse *ignore.ParseError
			if err := tt.parse(); !errors.As(err, &parse) || err.Error() != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if parse.Hint() == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestDoubtsAreTheRulesThatCanNotMatch(t *testing.T) {
	bad := []string{"[a", "[!]", `[\`, `a\`, `a\/`, "!", "/", "a//b", "//a", "[[:bogus:]]", "./a", "a/../b", "..", "a/[b"}
	good := []string{"a", "!a", "/a/", "**", "**/a", "a/**", "[]]", `\[a`, `a\\`, "...", "[[:digit:]]", ".*", "[/]a"}
	for _, pattern := range bad {
		doubts := mustParse(t, good[0], pattern).Doubts()
		if len(doubts) != 1 || doubts[0].Rule.Line != 2 || doubts[0].Why == "" || doubts[0].Hint == "" {
			t.Errorf("%q: got %v, want one doubt about line 2", pattern, doubts)
		}
	}
	if doubts := mustParse(t, good...).Doubts(); len(doubts) > 0 {
		t.Errorf("got %v, want none", doubts)
	}
}
