package ignore_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/watcher/ignore"
)

var (
	gitFiles = flag.Int("gitfiles", 400, "random pattern files to compare with git")
	gitSeed  = flag.Uint64("gitseed", 1, "seed for these")
)

// git is a temporary repository in which git is asked about paths.
type git struct {
	dir    string // the work tree
	ignore string // the pattern file, outside the tree
	strays bool   // see straysInOldGit
}

func mustGit(t *testing.T, places []place) *git {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	top := t.TempDir()
	g := &git{dir: filepath.Join(top, "tree"), ignore: filepath.Join(top, "patterns")}
	if _, err := g.run(nil, "init", "-q", "--template=", g.dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		if err := makePlace(filepath.Join(g.dir, p.path), p.isDir); err != nil {
			t.Fatal(err)
		}
	}
	g.strays = g.mustAsk(t, []string{"foo**/bar"}, []place{{"foobar", false}})[0] > 0
	return g
}

func makePlace(path string, isDir bool) error {
	if isDir {
		return os.Mkdir(path, 0o755)
	}
	return os.WriteFile(path, nil, 0o644)
}

// run runs git with no configuration but what args give.
func (g *git) run(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"-c", "core.excludesFile=" + g.ignore}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	if args[0] != "init" {
		cmd.Dir = g.dir
	}
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: nothing is ignored
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, complaint.String())
	}
	return out.Bytes(), nil
}

// mustAsk returns for every place the number of the line that decides, 0 for
// none.
func (g *git) mustAsk(t *testing.T, lines []string, places []place) []int {
	t.Helper()
	if err := os.WriteFile(g.ignore, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	var paths bytes.Buffer
	for _, p := range places {
		paths.WriteString(p.path + "\x00")
	}
	out, err := g.run(paths.Bytes(), "check-ignore", "--no-index", "-z", "--stdin", "-v", "-n")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Split(string(out), "\x00") // source, line, pattern, path
	if len(fields) != 4*len(places)+1 {
		t.Fatalf("git answered %d fields for %d paths", len(fields), len(places))
	}
	deciders := make([]int, len(places))
	for i := range places {
		if got, want := fields[4*i+3], places[i].path; got != want {
			t.Fatalf("git answered for %q, want %q", got, want)
		}
		deciders[i], _ = strconv.Atoi(fields[4*i+1])
	}
	return deciders
}

// straysInOldGit says that git before 2.52 misreads the pattern: it compared the
// literal text by itself and then took a "**" behind it for the beginning.
func straysInOldGit(line string) bool {
	body := strings.TrimPrefix(line, "!")
	literal := strings.IndexAny(body, `*?[\`)
	if literal < 1 || !strings.HasPrefix(body[literal:], "**") || !strings.Contains(body[:len(body)-1], "/") {
		return false
	}
	return body[literal-1] != '/'
}

// tally counts what was compared.
type tally struct{ files, pairs, decided, ignored, wrong int }

// compare asks git, the package and the slow reference.
func (n *tally) compare(t *testing.T, g *git, lines []string, places []place) {
	t.Helper()
	if g.strays {
		lines = slices.DeleteFunc(slices.Clone(lines), straysInOldGit)
		if len(lines) == 0 {
			return
		}
	}
	rules, err := ignore.ParseFile("patterns", []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	n.files++
	for i, want := range g.mustAsk(t, lines, places) {
		n.check(t, rules, lines, places[i], want)
	}
}

func (n *tally) check(t *testing.T, rules *ignore.Rules, lines []string, p place, want int) {
	t.Helper()
	n.pairs++
	rule, found := rules.Explain(p.path, p.isDir)
	ignored := rules.Ignored(p.path, p.isDir)
	slow := slowDecider(lines, p.path, p.isDir)
	if found {
		n.decided++
	}
	if ignored {
		n.ignored++
	}
	wantIgnored := want > 0 && lines[want-1][0] != '!'
	if rule.Line == want && ignored == wantIgnored && slow == want {
		return
	}
	if n.wrong++; n.wrong <= 10 {
		t.Errorf("%q (dir: %v) against %q: decided by line %d, ignored %v; git says line %d, the slow reference %d",
			p.path, p.isDir, lines, rule.Line, ignored, want, slow)
	}
}

func (n *tally) log(t *testing.T) {
	t.Logf("%d pattern files, %d pairs: %d decided by a rule, %d ignored, %d disagreements with git",
		n.files, n.pairs, n.decided, n.ignored, n.wrong)
}

func TestRandomPatternsAreDecidedByTheLineThatGitNames(t *testing.T) {
	r := rand.New(rand.NewPCG(*gitSeed, 0))
	places := randomTree(r, 300)
	g := mustGit(t, places)
	var n tally
	for range *gitFiles {
		n.compare(t, g, randomLines(r, places), places)
	}
	n.log(t)
}

func TestTrickyPatternsAreDecidedByTheLineThatGitNames(t *testing.T) {
	places := trickyPlaces()
	g := mustGit(t, places)
	var n tally
	for _, lines := range trickyLines {
		n.compare(t, g, lines, places)
	}
	n.log(t)
}

func TestClassesHoldTheBytesThatGitSays(t *testing.T) {
	var places []place
	for b := 1; b < 256; b++ {
		if b != '/' && b != '.' && b != ':' { // "." is no name; git reads ':' as the start of a pathspec
			places = append(places, place{string([]byte{byte(b)}), false})
		}
	}
	g := mustGit(t, places)
	var n tally
	for _, name := range []string{
		"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit", "word", "Alpha", "",
	} {
		n.compare(t, g, []string{"[[:" + name + ":]]"}, places)
		n.compare(t, g, []string{"[^[:" + name + ":]]"}, places)
	}
	for _, class := range []string{"[!-~]", "[\x80-\xff]", "[\x01-\x1f]", "[^\xc3]", "[]-a]", "[--0]", "[+--]", "[a-]", "[-a]", "[^-a]", `[\--\]]`, "[z-a]", "[a-c-e]"} {
		n.compare(t, g, []string{class}, places)
	}
	n.log(t)
}

func TestALinkToADirectoryIsNoDirectory(t *testing.T) {
	g := mustGit(t, []place{{"foo", true}})
	if err := os.Symlink("foo", filepath.Join(g.dir, "link")); err != nil {
		t.Fatal(err)
	}
	var n tally
	n.compare(t, g, []string{"*/"}, []place{{"foo", true}, {"link", false}})
	n.compare(t, g, []string{"*", "!*/"}, []place{{"foo", true}, {"link", false}})
	n.log(t)
}
