package plan_test

import (
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
)

func TestEachCityIsToldItsOwnBlocks(t *testing.T) {
	parts, err := plan.Parts([]byte(`
name = "reg"
[[highway]]
city = "a"
from = ["wss://c:1/x", "wss://r:1/x"]
to = "/srv/x"
limit = [{at = "08:00-18:00", rate = "2MiB"}]
[[highway]]
from = "wss://c:1/own"
to = "/srv/own"
[[highway]]
city = "b"
from = "wss://c:1/y"
to = "/srv/y"
[[highway]]
city = "a"
from = "wss://c:1/z"
to = "/srv/z"
`))
	if err != nil || len(parts) != 2 {
		t.Fatalf("got %v, %v", parts, err)
	}
	for _, want := range []string{"wss://r:1/x", "/srv/z", "08:00-18:00"} {
		if !strings.Contains(parts["a"], want) {
			t.Errorf("a's part lacks %q:\n%s", want, parts["a"])
		}
	}
	for _, secret := range []string{"/srv/y", "own", "city"} {
		if strings.Contains(parts["a"], secret) {
			t.Errorf("a is told %q:\n%s", secret, parts["a"])
		}
	}
	again, err := plan.Parts([]byte("[[highway]]\ncity = \"q\"\n" + strings.TrimPrefix(parts["b"], "[[highway]]\n")))
	if err != nil || again["q"] != parts["b"] {
		t.Errorf("a part does not read as what was written: %q, %v", again, err)
	}
	if at, key, found := plan.Foreign(parts["a"], []string{"token_file", "limit"}); !found || at != 0 || key != "limit" {
		t.Errorf("got %d %q %v", at, key, found)
	}
}

func TestDirectoriesInEachOther(t *testing.T) {
	for dirs, want := range map[string]bool{"/a /b": false, "/a /a": true, "/a /a/b": true, "/a/b /a": true, "/a /ab": false, "/ /x": true, "/a/ /a": true, "/a/../b /b": true} {
		if _, _, found := plan.Nested(strings.Fields(dirs)); found != want {
			t.Errorf("%s: got %v", dirs, found)
		}
	}
}

func TestCircles(t *testing.T) {
	stop := func(m string) plan.Stop { return plan.Stop{Machine: m, Tree: "t"} }
	way := func(to string, from ...string) plan.Way {
		w := plan.Way{To: stop(to)}
		for _, f := range from {
			w.From = append(w.From, stop(f))
		}
		return w
	}
	for name, c := range map[string]struct {
		ways []plan.Way
		want string
	}{
		"a chain":                         {[]plan.Way{way("b", "a"), way("c", "b")}, ""},
		"two that may feed each other":    {[]plan.Way{way("b", "cap", "c"), way("c", "cap", "b")}, ""},
		"one of them knows the capitol":   {[]plan.Way{way("b", "c"), way("c", "b", "cap")}, ""},
		"two that only feed each other":   {[]plan.Way{way("b", "c"), way("c", "b")}, "b → c → b"},
		"itself":                          {[]plan.Way{way("b", "b")}, "b → b"},
		"three, and one that hangs on it": {[]plan.Way{way("leaf", "x"), way("x", "z"), way("y", "x"), way("z", "y")}, "x → y → z → x"},
	} {
		_, got, found := plan.Circle(c.ways)
		if found != (c.want != "") || got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
