package mutants

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The page has the table between these two lines.
const (
	tableBegins = "<!-- mutants: written by go test -write, see below -->\n"
	tableEnds   = "<!-- end of mutants -->\n"
)

func page() string { return filepath.Join(top, "docs/testing.md") }

// texts are times as the page shows them.
func texts(times map[string]time.Duration) map[string]string {
	shown := make(map[string]string)
	for name, d := range times {
		shown[name] = fmt.Sprintf("%.2f s", d.Seconds())
	}
	return shown
}

// table is what the page shows.
func table(all []*mutant, times map[string]string) string {
	var b strings.Builder
	b.WriteString("| mutant | what is broken | caught by | in |\n| --- | --- | --- | --- |\n")
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` in `%s` | %s |\n", m.name, m.broken, m.test.name, strings.TrimPrefix(m.test.dir, "./"), times[m.name])
	}
	return b.String()
}

// rewrite makes the table anew. Who was not tried now keeps the time that he had.
func rewrite(all []*mutant, times map[string]time.Duration) error {
	text, err := os.ReadFile(page())
	if err != nil {
		return err
	}
	shown := make(map[string]string)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		shown[m[1]] = m[5]
	}
	maps.Copy(shown, texts(times))
	before, rest, ok := strings.Cut(string(text), tableBegins)
	_, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table", page())
	}
	return os.WriteFile(page(), []byte(before+tableBegins+"\n"+table(all, shown)+"\n"+tableEnds+after), 0o644)
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\| `([^`]+)` in `([^`]+)` \\| (.*) \\|$")

// What the page claims is what is tried.
func TestTheTableNamesEveryMutant(t *testing.T) {
	text, err := os.ReadFile(page())
	if err != nil {
		t.Fatal(err)
	}
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range all {
		want = append(want, strings.Join([]string{m.name, m.broken, m.test.name, strings.TrimPrefix(m.test.dir, "./")}, " | "))
	}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		got = append(got, strings.Join(m[1:5], " | "))
		if !regexp.MustCompile(`^\d+\.\d\d s$`).MatchString(m[5]) {
			t.Errorf("%s: %q is no time", m[1], m[5])
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/testing.md lacks: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("docs/testing.md has no mutant for: %s", line)
		}
	}
	if t.Failed() {
		t.Log("write it anew: HYDRASYNC_FAULTS=long go test -run TestCampaignMutants ./cmd/hydrasync/trials/mutants -write")
	}
}
