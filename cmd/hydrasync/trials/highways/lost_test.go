package highways

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

const given = `"message":"city has a credential now"`

// The network goes after the capitol has used a code up, and before the city hears of it.
func TestALostAnswerCostsNoCode(t *testing.T) {
	l := newLand(t)
	p := newTap(t, l.url)
	p.lose.Store(1)
	dst := filepath.Join(l.dir, "dst")
	city := stand.Start(t, "join", l.invite("a", "--address", p.ln.Addr().String()), "--to", dst)
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	if n := strings.Count(l.capitol.Printed(), given); n != 2 {
		t.Errorf("it was answered %d times, want 2: no answer was lost", n)
	}
}

func TestWhoTypesTheSameAgainHasTheLostAnswer(t *testing.T) {
	l := newLand(t)
	p := newTap(t, l.url)
	p.lose.Store(1000)
	code := l.invite("a", "--address", p.ln.Addr().String())
	dst := filepath.Join(l.dir, "dst")
	out, exit := l.join(code, dst)
	if exit != 1 || !strings.Contains(out, "the answer was lost") || !strings.Contains(out, "hydrasync: hint: type the same once more") {
		t.Errorf("it ended with %d:\n%s", exit, out)
	}
	l.capitol.Says(t, given)
	p.lose.Store(0)
	l.refused(t, code, `"reason":"used join code","city":"a"`) // somebody else
	if out, exit := l.join(code, dst); exit != 0 {
		t.Fatalf("the same once more: %d\n%s", exit, out)
	}
	if left, err := filepath.Glob(filepath.Join(dst, ".hydrasync*", ".hydrasync-join-*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(dst, ".hydrasync-join-*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	city := stand.Start(t, "run", "--config", config(dst))
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)

	// Neither that city nor a thief of its files has anything of the code any more.
	used, err := os.ReadFile(filepath.Join(dst, ".hydrasync", "credential"))
	if err != nil {
		t.Fatal(err)
	}
	stand.MustRun(t, "city", "revoke", "a", "--state", l.state)
	l.refused(t, code, `"reason":"used join code","city":"a"`)
	if strings.Contains(l.capitol.Printed(), strings.TrimSpace(string(used))) {
		t.Error("the capitol's log has the credential")
	}
}
