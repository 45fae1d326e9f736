package mutants

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	write = flag.Bool("write", false, "write the table of docs/testing.md anew")
	only  = flag.String("only", "", "try the mutants whose names match this, cheap or not")
)

// A mutant whose text is not in the product any more proves nothing.
func TestEveryMutantFits(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	broken := make(map[string]string)
	for _, m := range all {
		if _, err := m.changed(); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		name, _, _ := strings.Cut(m.test.name, "/")
		if !hasTest(t, m.test.dir, name) {
			t.Errorf("%s: there is no %s in %s", m.name, name, m.test.dir)
		}
		if twin := broken[m.broken]; twin != "" {
			t.Errorf("%s breaks what %s breaks", m.name, twin)
		}
		broken[m.broken] = m.name
	}
	if len(all) < 30 {
		t.Errorf("there are only %d mutants", len(all))
	}
}

// hasTest says whether a package has a test of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(top, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if head.Match(text) {
			return true
		}
	}
	return false
}

// What is no failed assertion does not count as caught.
func TestOnlyAFailedAssertionCounts(t *testing.T) {
	m := &mutant{says: "lost"}
	for _, c := range []struct {
		why string
		o   outcome
		ok  bool
	}{
		{"a failure that says it", outcome{"fail", 0, "x_test.go:1: lost 3 rows", true}, true},
		{"another failure", outcome{"fail", 0, "x_test.go:1: cannot listen", true}, false},
		{"a pass", outcome{"pass", 0, "lost", true}, false},
		{"a skip", outcome{"skip", 0, "lost", true}, false},
		{"no build", outcome{"", 0, "lost", false}, false},
		{"a panic", outcome{"fail", 0, "lost\npanic: nil", true}, false},
		{"a timeout", outcome{"fail", 0, "lost\npanic: test timed out after 4m", true}, false},
		{"a test that never ran", outcome{"", 0, "lost", true}, false},
	} {
		if err := m.caught(&c.o); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

func TestOutputBelongsToTestsAndThoseAboveThem(t *testing.T) {
	out := `{"Action":"output","Test":"TestA/one","Output":"x_test.go:1: lost\n"}
{"Action":"output","Test":"TestAB","Output":"found\n"}
{"Action":"fail","Test":"TestA/one","Elapsed":0.5}
{"Action":"fail","Test":"TestA","Elapsed":1.5}
`
	found := read([]byte(out), []string{"TestA", "TestB"})
	if a := found["TestA"]; a.verdict != "fail" || a.took != 1500*time.Millisecond || !strings.Contains(a.printed, "lost") || strings.Contains(a.printed, "found") {
		t.Errorf("TestA: %+v", a)
	}
	if b := found["TestB"]; b.verdict != "" || !b.built {
		t.Errorf("TestB: %+v", b)
	}
	if got := read([]byte(`{"Action":"build-fail"}`), []string{"TestA"}); got["TestA"].built {
		t.Error("a failed build was not seen")
	}
	if got, want := pattern([]string{"TestA/x", "TestB/y"}), "^TestA$|^TestB$/^x$|^y$"; got != want {
		t.Errorf("pattern: %s, want %s", got, want)
	}
}

// Each planted bug is caught by the test that is named for it.
func TestCampaignMutants(t *testing.T) {
	size := os.Getenv("HYDRASYNC_FAULTS")
	if size == "" && *only == "" {
		t.Log("campaign mutants: HYDRASYNC_FAULTS=ci tries the cheap ones, long all; TestEveryMutantFits looks at all their texts")
		return
	}
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	var tried []*mutant
	for _, m := range all {
		if *only == "" && (m.cheap || size == "long") || *only != "" && regexp.MustCompile(*only).MatchString(m.name) {
			tried = append(tried, m)
		}
	}
	control(t, tried)
	var mu sync.Mutex
	times := make(map[string]time.Duration)
	t.Run("each", func(t *testing.T) {
		for _, m := range tried {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				if took, ok := try(t, m); ok {
					mu.Lock()
					times[m.name] = max(took, time.Nanosecond)
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("campaign mutants: %d planted, %d caught", len(tried), len(times))
	caught := slices.DeleteFunc(tried, func(m *mutant) bool { return times[m.name] == 0 })
	t.Logf("\n%s", table(caught, texts(times)))
	if *write {
		if err := rewrite(all, times); err != nil {
			t.Error(err)
		}
	}
}

func try(t *testing.T, m *mutant) (took time.Duration, ok bool) {
	overlay, err := m.overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	found, err := run(overlay, m.test.dir, m.test.env, m.test.name)
	if err != nil {
		t.Fatal(err)
	}
	o := found[m.test.name]
	if o.verdict == "skip" && os.Geteuid() != 0 {
		t.Skipf("%s needs root", m.test.name)
	}
	if err := m.caught(o); err != nil {
		t.Errorf("%s: %v\nagain: go test -v -run TestCampaignMutants ./cmd/hydrasync/trials/mutants -only '^%s$'\n%s",
			m.broken, err, m.name, last(o.printed, 4000))
		return 0, false
	}
	return o.took, true
}

// control demands that the tests pass where nothing is planted.
func control(t *testing.T, tried []*mutant) {
	t.Helper()
	type group struct{ dir, env, level string }
	groups := make(map[group]map[string]bool)
	for _, m := range tried {
		// subtests are named one by one: -run matches level by level
		g := group{dir: m.test.dir, env: m.test.env}
		if strings.Contains(m.test.name, "/") {
			g.level = m.test.name
		}
		if groups[g] == nil {
			groups[g] = make(map[string]bool)
		}
		groups[g][m.test.name] = true
	}
	for g, set := range groups {
		var names []string
		for name := range set {
			names = append(names, name)
		}
		found, err := run("", g.dir, g.env, names...)
		if err != nil {
			t.Fatal(err)
		}
		for name, o := range found {
			if o.verdict != "pass" && (o.verdict != "skip" || os.Geteuid() == 0) {
				t.Errorf("%v", errors.New("control: "+name+" of "+g.dir+" does not pass without a mutant: "+o.verdict+"\n"+last(o.printed, 4000)))
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }
