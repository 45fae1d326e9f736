package hostile

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// corpus of names that Linux allows and a terminal obeys, or an eye believes.
var corpus = []string{
	"\x1b[2J\x1b[H", "\x1b]0;title\a", "\x1b]8;;http://evil\a", "\x9b31m", "\u009b31m", "\u009d0;x\u009c", "a\rb", "a\nb", "a\tb", "a\bb", "\x7f",
	"\x01\x02\x03", "\u202etxt.exe", "\u2066x\u2069", "\u200fright", "\u200bzero", "\ufeffbom", "\u2028line", "\xff\xfe", "\xc3", "\xe2\x80", "a\x80b",
	"-rf", "$(touch pwned)", "`x`", `back\slash`, `"quoted"`, "'", " ", "...", "\U000e0041tag", strings.Repeat("\x1b", 255),
}

// TestCampaignNames has each name in a tree, as a directory, a file and a link's target, and
// looks at all that any command prints of it: in words, as JSON, as a log, in status,
// tail, verify, hold and metrics, of both ends.
func TestCampaignNames(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	src, dst, state := filepath.Join(base, "src"), filepath.Join(base, "dst\x1b[31m\u202e"), filepath.Join(base, "state")
	for _, name := range corpus {
		stand.Write(t, filepath.Join(src, name, name), []byte("x"))
		os.Symlink(name, filepath.Join(src, name, "link"))
	}
	said := map[string]string{}
	say := func(args ...string) {
		out, _ := stand.Run(t, args...)
		said[strings.Join(args, " ")] = out
	}
	for _, format := range []string{"json", "text"} {
		say("mirror", src, dst, "--state", state, "--once", "--log-format", format, "--log-level", "debug", "--dry-run")
	}
	p := stand.Start(t, "capitol", "--tree", "t\x1b="+src, "--listen", "127.0.0.1:0", "--state", state, "--log-format", "json")
	select { // a name of a tree like that is refused: see what it says
	case <-p.End():
		said["capitol with such a name"] = p.Printed()
	case <-time.After(time.Second):
		said["capitol with such a name"] = p.Printed()
		p.Kill()
	}
	addr, capitol := serveTree(t, src, state)
	url := "ws://" + addr + "/t"
	say("city", "--from", url, "--to", dst, "--once", "--log-format", "json", "--log-level", "debug")
	if diff := differences(tree(t, src), tree(t, dst), "", nil); len(diff) > 0 {
		t.Errorf("not equal: %.500q", diff)
	}
	for _, name := range corpus { // what is wrong with a replica is listed by path
		os.WriteFile(filepath.Join(dst, name, name), []byte("edited"), 0o600)
		stand.Write(t, filepath.Join(dst, name, name+"x")[:min(255+len(dst)+len(name)+1, len(filepath.Join(dst, name, name))+1)], "")
	}
	for _, more := range [][]string{nil, {"--json"}} {
		say(append([]string{"verify", dst, "--content"}, more...)...)
		say(append([]string{"verify", dst, "--from", url}, more...)...)
		say(append([]string{"status", dst}, more...)...)
		say(append([]string{"status", url}, more...)...)
		say(append([]string{"tail", url, "--since", "0"}, more...)...)
		say(append([]string{"tail", dst, "--since", "0"}, more...)...)
		say("city", "--from", url, "--to", dst, "--once", "--dry-run", "--log-format", "text")
	}
	say("confirm", dst)
	for _, name := range corpus { // more than half: a hold, with examples
		os.RemoveAll(filepath.Join(src, name))
	}
	say("city", "--from", url, "--to", dst, "--once", "--max-delete", "3", "--log-format", "text", "--timeout", "20s")
	say("status", dst, "--json")
	said["the capitol's log"] = capitol.Printed()
	lines := 0
	for what, out := range said {
		lines += strings.Count(out, "\n")
		for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
			if line := s.Text(); !clean(line) || !utf8.ValidString(line) {
				t.Errorf("%q prints %q", what, line)
				break
			} else if text := jsonTexts(line); !clean(text) {
				t.Logf("%q has %q as JSON, escaped", what, text) // for programs: theirs to escape again
			}
		}
		if panicked(out) {
			t.Errorf("%q: %s", what, out)
		}
	}
	t.Logf("campaign names: %d names in %d outputs of %d lines", len(corpus), len(said), lines)
}

// jsonTexts are a JSON line's decoded texts.
func jsonTexts(line string) string {
	var v map[string]any
	if json.Unmarshal([]byte(line), &v) != nil {
		return ""
	}
	var b strings.Builder
	for _, x := range v {
		if s, ok := x.(string); ok {
			b.WriteString(s)
		}
	}
	return b.String()
}

// serveTree starts a capitol of a tree named t, and gives its address.
func serveTree(t *testing.T, src, state string) (addr string, p *stand.Process) {
	t.Helper()
	p = stand.Start(t, "capitol", "--tree", "t="+src, "--listen", "127.0.0.1:0", "--state", state, "--log-format", "json", "--log-level", "debug")
	stand.Await(t, "the capitol serves", stand.Until(func() bool {
		_, rest, ok := strings.Cut(p.Printed(), `"listen":"`)
		addr, _, _ = strings.Cut(rest, `"`)
		return ok
	}), p)
	return addr, p
}
