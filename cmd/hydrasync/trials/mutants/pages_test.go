package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	heading = regexp.MustCompile(`(?m)^## (\d+)\. (.*)$`)
	holder  = regexp.MustCompile("(?m)^\\| `((?:Test|Fuzz)\\w+)` \\| `([^`]+)` \\| [^|]+ \\|$")
	promise = regexp.MustCompile(`(?m)^(\d+)\. \[.*\]\(docs/guarantees\.md#([^)]+)\)$`)
)

func read1(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A guarantee is as good as the tests that are named for it.
func TestEveryGuaranteeNamesTestsThatExist(t *testing.T) {
	sections := regexp.MustCompile(`(?m)^## `).Split(read1(t, "docs/guarantees.md"), -1)[1:]
	if len(sections) != 10 {
		t.Errorf("%d promises, want ten", len(sections))
	}
	for i, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(title, fmt.Sprintf("%d. ", i+1)) {
			t.Errorf("promise %d is called %q", i+1, title)
		}
		for _, needed := range []string{"**Limits.**", "\n*"} {
			if !strings.Contains(section, needed) {
				t.Errorf("%s: no %q", title, needed)
			}
		}
		named := holder.FindAllStringSubmatch(section, -1)
		if rows := strings.Count(section, "\n| ") - 2; len(named) < 5 || len(named) != rows {
			t.Errorf("%s: %d tests in %d rows", title, len(named), rows)
		}
		for _, m := range named {
			if !hasTest(t, m[2], m[1]) {
				t.Errorf("%s: there is no %s in %s", title, m[1], m[2])
			}
		}
	}
}

// So are the parts of the campaign.
func TestThePartsOfTheCampaignExist(t *testing.T) {
	parts := holder.FindAllStringSubmatch(read1(t, "docs/testing.md"), -1)
	for _, m := range parts {
		if !hasTest(t, m[2], m[1]) {
			t.Errorf("there is no %s in %s", m[1], m[2])
		}
	}
	if len(parts) < 10 {
		t.Errorf("%d parts only", len(parts))
	}
}

// README's promises lead to their meanings, all of them.
func TestThePromisesOfTheREADMELeadToTheirMeaning(t *testing.T) {
	var want []string
	for _, m := range heading.FindAllStringSubmatch(read1(t, "docs/guarantees.md"), -1) {
		want = append(want, m[1]+" "+anchor(m[1]+". "+m[2]))
	}
	var got []string
	for _, m := range promise.FindAllStringSubmatch(read1(t, "README.md"), -1) {
		got = append(got, m[1]+" "+m[2])
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("README has\n%s\nwant\n%s", g, w)
	}
}

// anchor is how a heading is linked to: small letters, no punctuation, hyphens for blanks.
func anchor(title string) string {
	title = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(title, " ", "-")
}
