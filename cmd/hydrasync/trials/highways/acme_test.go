package highways

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// Capitols with public names get their certificates by themselves, by either of the two
// ways; cities know them by the authority, and do not notice when they are renewed.
func TestCertificatesOfAPublicAuthority(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // every certificate is proven anew
	own := stand.NewAuthority(t)
	trust(t, own)
	const soon = 24 * time.Second // renewed after two thirds of it, or a little later
	overTLS := newSite(t, own, "tls.example", byTLS, soon)
	overHTTP := newSite(t, own, "http.example", byHTTP, soon)
	kept := newSite(t, own, "kept.example", byTLS, 90*24*time.Hour)
	closed := newSite(t, own, "closed.example", byNone, soon)
	trust(t, own, overTLS, overHTTP, kept, closed)
	t.Setenv("HTTPS_PROXY", wayOut(t))
	for _, s := range []*site{overTLS, overHTTP, kept} {
		s.joined(t)
	}
	late := time.Now().Add(soon) // no certificate from before now is good then
	kept.keeps(t)
	if closed.serial(closed.name) != "" {
		t.Error("a certificate that nothing was proven for")
	}
	closed.capitol.Says(t, `"message":"the authority gives no certificate"`)
	for _, s := range []*site{overTLS, overHTTP} {
		s.renews(t, late)
	}
}

// joined lets a city join by the name.
func (s *site) joined(t *testing.T) {
	t.Helper()
	text := strings.TrimSpace(stand.MustRun(t, "invite", "a", "--state", s.state, "--quiet"))
	code, err := joincode.Parse(text)
	_, port, _ := strings.Cut(s.url, ":")
	if err != nil || code.Pin != "" || !slices.Equal(code.Addresses, []string{"https://" + s.name + ":" + port}) {
		t.Fatalf("the code has %q and the pin %q, %v", code.Addresses, code.Pin, err)
	}
	dst := filepath.Join(s.dir, "dst")
	city := stand.Start(t, "join", text, "--to", dst, "--log-format", "json")
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, s.capitol)
	if s.first = s.serial(s.name); s.first == "" {
		t.Errorf("%s shows no certificate", s.name)
	}
	if s.serial("evil.example") != "" {
		t.Errorf("%s gets certificates for other names", s.name)
	}
	if st, err := os.Stat(filepath.Join(s.state, "acme")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the folder with the key: %v, %v", st, err)
	}
}

// keeps: after another start the certificate is the same.
func (s *site) keeps(t *testing.T) {
	t.Helper()
	s.capitol.Kill()
	s.capitol.Again(t)
	stand.Await(t, "the certificate after another start", stand.Until(func() bool { return s.serial(s.name) != "" }), s.capitol)
	if now := s.serial(s.name); now != s.first {
		t.Errorf("it has another certificate: %s, had %s", now, s.first)
	}
}

// renews: another certificate comes before the first one is too old; the city stays, and others come.
func (s *site) renews(t *testing.T, late time.Time) {
	t.Helper()
	stand.Await(t, "another certificate of "+s.name, func() string {
		if now := s.serial(s.name); now == s.first || now == "" {
			return "it shows " + now
		}
		return ""
	}, s.capitol)
	stand.Await(t, "the end of the first one's time", stand.Until(func() bool { return time.Now().After(late) }))
	stand.Write(t, filepath.Join(s.src, "later"), "2")
	stand.Arrives(t, filepath.Join(s.dir, "dst", "later"), "2", s.capitol)
	if n := strings.Count(s.capitol.Printed(), `"message":"city joined"`); n != 1 {
		t.Errorf("the city of %s was connected %d times", s.name, n)
	}
	code := strings.TrimSpace(stand.MustRun(t, "invite", "b", "--state", s.state, "--quiet"))
	other := filepath.Join(s.dir, "other")
	city := stand.Start(t, "join", code, "--to", other)
	stand.Arrives(t, filepath.Join(other, "later"), "2", city, s.capitol)
}
