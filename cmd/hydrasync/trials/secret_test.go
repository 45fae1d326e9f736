package trials

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// locked is a rig whose capitol wants TLS and a token, with a destination that
// somebody else has put a file into.
type locked struct {
	*rig
	ca     *stand.Authority
	listen string
	token  string
}

const foreign = "a file of somebody else"

func newLocked(t *testing.T) *locked {
	t.Helper()
	l := &locked{rig: newRig(t), ca: stand.NewAuthority(t), listen: stand.Address(t)}
	l.token = l.rig.token(t)
	fill(t, l.src, 30, 200)
	if err := os.WriteFile(filepath.Join(l.dst, "foreign"), []byte(foreign), 0o640); err != nil {
		t.Fatal(err)
	}
	return l
}

// serve starts the capitol with a certificate for that address.
func (l *locked) serve(t *testing.T, address string, until time.Time) {
	t.Helper()
	cert, key := l.ca.Issue(address, until)
	l.capitol = stand.Start(t, "capitol", "--tree", "t="+l.src, "--listen", l.listen, "--state", l.state, "--token-file", l.token,
		"--tls-cert", cert, "--tls-key", key, "--log-level", "debug", "--log-format", "json")
	l.capitol.Says(t, `"serving"`)
}

func (l *locked) url() string { return "wss://" + l.listen + "/t" }

// untouched says that a city that was refused has done nothing to DST.
func (l *locked) untouched(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(l.dst)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "foreign" && e.Name() != ".hydrasync" {
			t.Errorf("%s is in a destination that nothing was to reach", e.Name())
		}
	}
	b, err := os.ReadFile(filepath.Join(l.dst, "foreign"))
	if err != nil || string(b) != foreign {
		t.Errorf("the foreign file now holds %q (%v)", b, err)
	}
}

// secrecy looks for the token wherever others could read it.
func (l *locked) secrecy(t *testing.T, printed ...string) {
	t.Helper()
	for _, p := range []*stand.Process{l.capitol, l.city} {
		if p == nil {
			continue
		}
		printed = append(printed, p.Printed())
		for _, name := range []string{"cmdline", "comm"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.Pid(), name))
			if err != nil {
				t.Errorf("%s has ended: %v", p.Name, err)
			}
			printed = append(printed, string(b))
		}
	}
	for _, text := range printed {
		if strings.Contains(text, secret) {
			t.Errorf("the token is in\n%s", text)
		}
	}
	for _, dir := range []string{l.state, l.dst} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("the token is in %s", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestEncryptedMirrorWithAToken(t *testing.T) {
	l := newLocked(t)
	os.Remove(filepath.Join(l.dst, "foreign"))
	l.serve(t, stand.Host(), time.Now().Add(time.Hour))
	link := []string{"--token-file", l.token, "--tls-ca", l.ca.File}
	l.city = stand.Start(t, append([]string{"city", "--from", l.url(), "--to", l.dst, "--log-level", "debug", "--log-format", "json"}, link...)...)
	l.mustBecomeEqual(t)
	random(t, filepath.Join(l.src, "big"), 1<<20) // asked for by itself
	l.mustBecomeEqual(t)
	verified, code := stand.Run(t, append([]string{"verify", l.dst, "--from", l.url()}, link...)...)
	if code != 0 {
		t.Errorf("verify ended with %d:\n%s", code, verified)
	}
	status, code := stand.Run(t, append([]string{"status", l.url(), "--json"}, link...)...)
	if code != 0 {
		t.Errorf("status ended with %d:\n%s", code, status)
	}
	own, _ := stand.Run(t, "status", l.dst, "--json")
	l.secrecy(t, verified, status, own)
}

func TestCertificatesThatDoNotFit(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, row := range map[string]struct {
		address string
		until   time.Time
		want    string
		other   bool // the city trusts another authority
	}{
		"another authority": {stand.Host(), later, "certificate signed by unknown authority", true},
		"expired":           {stand.Host(), time.Now().Add(-time.Hour), "certificate has expired", false},
		"another address":   {"127.0.0.2", later, "certificate is valid for 127.0.0.2, not " + stand.Host(), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLocked(t)
			l.serve(t, row.address, row.until)
			ca := l.ca
			if row.other {
				ca = stand.NewAuthority(t)
			}
			out, code := stand.Run(t, "city", "--from", l.url(), "--to", l.dst, "--token-file", l.token, "--tls-ca", ca.File,
				"--once", "--timeout", "500ms", "--log-level", "debug")
			if code != 1 || !strings.Contains(out, row.want) || !strings.Contains(out, "hydrasync: hint: ") || !strings.Contains(out, "--tls-ca") {
				t.Errorf("ended with %d, want 1, %q and a hint:\n%s", code, row.want, out)
			}
			l.untouched(t)
			l.secrecy(t, out)
			if strings.Contains(l.capitol.Printed(), "city joined") {
				t.Error("the city said hello to a capitol that it must not trust")
			}
		})
	}
}

func TestPlainCityAtAnEncryptedCapitol(t *testing.T) {
	l := newLocked(t)
	l.serve(t, stand.Host(), time.Now().Add(time.Hour))
	out, code := stand.Run(t, "city", "--from", "ws://"+l.listen+"/t", "--to", l.dst, "--once", "--timeout", "500ms")
	if code != 1 || !strings.Contains(out, "hydrasync: error: ") {
		t.Errorf("ended with %d:\n%s", code, out)
	}
	l.untouched(t)
}

func TestWrongTokenEndsTheCity(t *testing.T) {
	l := newLocked(t)
	l.serve(t, stand.Host(), time.Now().Add(time.Hour))
	wrong := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(wrong, []byte("not-the-token-at-all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct { // in this order: verify needs what the cities leave
		name string
		args []string
	}{
		{"a wrong token", []string{"city", "--from", l.url(), "--to", l.dst, "--tls-ca", l.ca.File, "--token-file", wrong}}, // without --once: it is permanent
		{"no token", []string{"city", "--from", l.url(), "--to", l.dst, "--tls-ca", l.ca.File}},
		{"tail", []string{"tail", l.url(), "--tls-ca", l.ca.File, "--token-file", wrong}},
		{"verify", []string{"verify", l.dst, "--from", l.url(), "--tls-ca", l.ca.File, "--token-file", wrong}},
		{"status", []string{"status", l.url(), "--tls-ca", l.ca.File, "--token-file", wrong}},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, code := stand.Run(t, row.args...)
			if code != 1 || !strings.Contains(out, "the token is missing or wrong") || !strings.Contains(out, "hydrasync: hint: ") || !strings.Contains(out, "--token-file") {
				t.Errorf("ended with %d, want 1, a reason and a hint:\n%s", code, out)
			}
			if strings.Contains(out, "not-the-token-at-all") {
				t.Errorf("the token that was tried is in\n%s", out)
			}
			l.untouched(t)
			l.secrecy(t, out)
		})
	}
	if strings.Contains(l.capitol.Printed(), "not-the-token-at-all") {
		t.Error("the capitol logs the tokens that are tried")
	}
}
