package highways

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// land is a capitol with a tree t, which others could reach.
type land struct {
	t                    *testing.T
	dir, src, state, url string
	capitol              *stand.Process
}

func newLand(t *testing.T, more ...string) *land {
	t.Helper()
	l := &land{t: t, dir: t.TempDir()}
	l.src, l.state = filepath.Join(l.dir, "src"), filepath.Join(l.dir, "state")
	if err := os.Mkdir(l.src, 0o755); err != nil {
		t.Fatal(err)
	}
	stand.Write(t, filepath.Join(l.src, "first"), "1")
	l.url = stand.Address(t)
	_, port, _ := net.SplitHostPort(l.url)
	listen := "0.0.0.0:" + port
	if len(more) > 0 && more[0] == "--listen" {
		listen, more = more[1]+":"+port, more[2:]
	}
	l.capitol = stand.Start(t, append([]string{"capitol", "--tree", "t=" + l.src, "--listen", listen, "--state", l.state, "--log-level", "debug", "--log-format", "json"}, more...)...)
	l.capitol.Says(t, `"message":"serving"`)
	return l
}

func (l *land) invite(city string, more ...string) string {
	l.t.Helper()
	args := append([]string{"invite", city, "--state", l.state, "--quiet"}, more...)
	if !strings.Contains(strings.Join(more, " "), "--address") {
		args = append(args, "--address", l.url)
	}
	return strings.TrimSpace(stand.MustRun(l.t, args...))
}

// join runs join to its end; with noStart it ends by itself.
func (l *land) join(code, to string, more ...string) (string, int) {
	l.t.Helper()
	return stand.Run(l.t, append([]string{"join", code, "--to", to, "--no-start"}, more...)...)
}

func config(dst string) string { return filepath.Join(dst, ".hydrasync", "hydrasync.toml") }

// refused says that a code was refused with that reason in the capitol's log and nothing else, and left nothing.
func (l *land) refused(t *testing.T, code, reason string) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	l.oneRefusal(t, reason, func() {
		out, exit := l.join(code, dst)
		if exit != 1 || !strings.Contains(out, "hydrasync: hint: ") {
			t.Errorf("it ended with %d:\n%s", exit, out)
		}
		if text, err := joincode.Parse(code); err == nil && strings.Contains(out, text.Secret.Reveal()) {
			t.Error("the secret was printed")
		}
	})
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left %s: %v", dst, err)
	}
	if text, err := joincode.Parse(code); err == nil && strings.Contains(l.capitol.Printed(), text.Secret.Reveal()) {
		t.Error("the secret is in the capitol's log")
	}
}

// oneRefusal says that the capitol has one reason to complain of what try does, and that nobody is let in.
func (l *land) oneRefusal(t *testing.T, reason string, try func()) {
	t.Helper()
	before := l.capitol.Printed()
	try()
	l.capitol.SaysTimes(t, reason, strings.Count(before, reason)+1)
	said := strings.TrimPrefix(l.capitol.Printed(), before)
	if strings.Count(said, `"level":"warn"`) != 1 || strings.Contains(said, `"level":"error"`) || strings.Contains(said, `"level":"info"`) || !strings.Contains(said, `"message":"refused"`) {
		t.Errorf("want one refusal and nothing else, the capitol said:\n%s", said)
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	l, other := newLand(t), newLand(t)
	used := l.invite("used")
	if out, exit := l.join(used, filepath.Join(l.dir, "dst")); exit != 0 {
		t.Fatalf("%d:\n%s", exit, out)
	}
	withdrawn := l.invite("twice")
	l.invite("twice")
	revoked := l.invite("revoked")
	stand.MustRun(t, "city", "revoke", "revoked", "--state", l.state)
	pinned, err := joincode.Parse(other.invite("pinned"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := *pinned
	mine, err := joincode.Parse(l.invite("mine"))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Addresses, foreign.Pin = mine.Addresses, mine.Pin
	pinned.Addresses = mine.Addresses // another machine has taken the address
	encode := func(c *joincode.Code) string {
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, row := range []struct{ name, code, reason string }{
		{"used", used, `"reason":"used join code","city":"used"`},
		{"expired", l.invite("late", "--expires", "1ms"), `"reason":"expired join code","city":"late"`},
		{"withdrawn by another", withdrawn, `"reason":"withdrawn join code","city":"twice"`},
		{"withdrawn by a revocation", revoked, `"reason":"withdrawn join code","city":"revoked"`},
		{"of another capitol", encode(&foreign), `"reason":"unknown join code"`},
		{"with a wrong pin", encode(pinned), `it does not take this capitol's certificate for the one that it expects`},
	} {
		t.Run(row.name, func(t *testing.T) { l.refused(t, row.code, row.reason) })
	}
	if out := stand.MustRun(t, "city", "list", "--state", l.state); strings.Count(out, " joined ") != 1 {
		t.Errorf("more than one has joined:\n%s", out)
	}
}

// What a city has at hand that is not its own, or not any more: each is refused, and ends the city.
func TestCredentialsThatAreRefused(t *testing.T) {
	l := newLand(t)
	at := func(city string) string { return filepath.Join(l.dir, city) }
	for _, city := range []string{"mine", "other", "gone"} {
		if out, exit := l.join(l.invite(city), at(city)); exit != 0 {
			t.Fatalf("%s: %d\n%s", city, exit, out)
		}
	}
	mustRead := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	credential := func(city string) string { return filepath.Join(at(city), ".hydrasync", "credential") }
	own := mustRead(credential("mine"))
	stand.MustRun(t, "city", "revoke", "gone", "--state", l.state)
	elsewhere := newLand(t)
	if out, exit := elsewhere.join(elsewhere.invite("mine"), at("elsewhere")); exit != 0 {
		t.Fatalf("elsewhere: %d\n%s", exit, out)
	}
	for _, row := range []struct{ name, city, credential, reason string }{
		{"revoked", "gone", mustRead(credential("gone")), `"reason":"revoked credential","city":"gone"`},
		{"another city's", "mine", mustRead(credential("other")), `this is the credential of other, not of mine`},
		{"another capitol's", "mine", mustRead(credential("elsewhere")), `"reason":"unknown credential"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := os.WriteFile(credential(row.city), []byte(row.credential), 0o600); err != nil {
				t.Fatal(err)
			}
			l.oneRefusal(t, row.reason, func() {
				out, exit := stand.Run(t, "run", "--config", config(at(row.city)))
				if exit != 1 || !strings.Contains(out, "hydrasync: hint: ") {
					t.Errorf("it ended with %d:\n%s", exit, out)
				}
			})
			if _, err := os.Lstat(filepath.Join(at(row.city), "first")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something arrived: %v", err)
			}
		})
	}
	if err := os.WriteFile(credential("mine"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	city := stand.Start(t, "run", "--config", config(at("mine")))
	stand.Arrives(t, filepath.Join(at("mine"), "first"), "1", city, l.capitol)
}

func TestOfTwoThatJoinAtOnceOneWins(t *testing.T) {
	l := newLand(t)
	code := l.invite("one")
	var all sync.WaitGroup
	exits := make([]int, 4)
	for i := range exits {
		all.Go(func() {
			cmd := stand.Command("join", code, "--to", filepath.Join(l.dir, fmt.Sprint("dst", i)), "--no-start")
			_ = cmd.Run() // its code counts
			exits[i] = cmd.ProcessState.ExitCode()
		})
	}
	all.Wait()
	won := 0
	for i, exit := range exits {
		_, err := os.Stat(config(filepath.Join(l.dir, fmt.Sprint("dst", i))))
		if exit == 0 {
			won++
		}
		if (exit == 0) != (err == nil) {
			t.Errorf("exit code %d, and config: %v", exit, err)
		}
	}
	if won != 1 {
		t.Errorf("%d have won: %v", won, exits)
	}
}

func TestARevokedCityGetsNothingMore(t *testing.T) {
	l := newLand(t)
	dst := filepath.Join(l.dir, "dst")
	city := stand.Start(t, "join", l.invite("a"), "--to", dst, "--log-format", "json")
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	began := time.Now()
	stand.MustRun(t, "city", "revoke", "a", "--state", l.state)
	if exit := city.Wait(t); exit != 1 || !strings.Contains(city.Printed(), "hydrasync: hint: ") {
		t.Errorf("it ended with %d:\n%s", exit, city.Printed())
	}
	t.Logf("cut off %v after the command began", time.Since(began))
	stand.Write(t, filepath.Join(l.src, "later"), "2")
	if out, exit := stand.Run(t, "run", "--config", config(dst)); exit != 1 || !strings.Contains(out, "missing or wrong") {
		t.Errorf("it may come again (%d):\n%s", exit, out)
	}
	l.capitol.Says(t, `"reason":"revoked credential","city":"a"`)
	if _, err := os.Lstat(filepath.Join(dst, "later")); err == nil {
		t.Error("a file that was written after the revocation arrived")
	}
	if b, err := os.ReadFile(filepath.Join(dst, "first")); err != nil || string(b) != "1" {
		t.Errorf("what it had is gone: %q, %v", b, err)
	}
}
