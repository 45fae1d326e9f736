package highways

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestACapitolWithCertificateAndKeyInOneFile(t *testing.T) {
	authority := stand.NewAuthority(t)
	l := newLand(t, "--pem-file", authority.Both(stand.Host(), time.Now().Add(time.Hour)))
	dst := filepath.Join(l.dir, "dst")
	city := stand.Start(t, "join", l.invite("a"), "--to", dst)
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	if _, err := os.Stat(filepath.Join(l.state, "identity")); err == nil {
		t.Error("the capitol has made a certificate of its own beside")
	}
	out, exit := stand.Run(t, "city", "--from", "wss://"+l.url+"/t", "--to", filepath.Join(l.dir, "other"), "--tls-ca", authority.File, "--once")
	if exit != 1 || !strings.Contains(out, "missing or wrong") {
		t.Errorf("somebody without a credential ended with %d:\n%s", exit, out)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", l.url, old); err == nil {
		conn.Close()
		t.Error("it speaks TLS 1.2")
	}
}

// A proxy ends TLS with a certificate of its own; the capitol trusts what it says of
// callers, and city and capitol know each other by the credential.
func TestACapitolBehindAProxyThatEndsTLS(t *testing.T) {
	l := newLand(t, "--listen", stand.Host(), "--behind-proxy")
	authority := stand.NewAuthority(t)
	file := authority.Both(stand.Host(), time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", stand.Host()+":0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: l.url})
		r.Out.Header.Set("X-Forwarded-For", "192.0.2.77")
	}}
	srv := &http.Server{Handler: http.StripPrefix("/behind", forward), ErrorLog: log.New(io.Discard, "", 0)}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })

	if out, exit := stand.Run(t, "invite", "a", "--state", l.state); exit != 2 || !strings.Contains(out, "only you know at which address") {
		t.Errorf("an invitation without an address ended with %d:\n%s", exit, out)
	}
	code := l.invite("a", "--address", "https://"+ln.Addr().String()+"/behind")
	dst := filepath.Join(l.dir, "dst")
	if out, exit := l.join(code, filepath.Join(l.dir, "other")); exit != 1 || !strings.Contains(out, "certificate") {
		t.Errorf("a city that does not know the proxy's authority ended with %d:\n%s", exit, out)
	}
	city := stand.Start(t, "join", code, "--to", dst, "--tls-ca", authority.File)
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	stand.Write(t, filepath.Join(l.src, "second"), "2")
	stand.Arrives(t, filepath.Join(dst, "second"), "2", city, l.capitol)
	if out, exit := l.join(code, filepath.Join(l.dir, "third"), "--tls-ca", authority.File); exit != 1 {
		t.Errorf("a second time: %d\n%s", exit, out)
	}
	l.capitol.Says(t, `"remote":"192.0.2.77","reason":"used join code"`)
	if out, exit := stand.Run(t, "status", "ws://"+l.url); exit != 1 {
		t.Errorf("who comes past the proxy, without a credential, is served (%d):\n%s", exit, out)
	}
}

// Who has the token needs the pin of a capitol with its own certificate, and no code.
func TestTheTokenAndThePinAreEnoughToo(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	stand.Write(t, token, "of-all-cities")
	l := newLand(t, "--token-file", token)
	_, rest, _ := strings.Cut(l.capitol.Printed(), `"pin":"`)
	pin, _, _ := strings.Cut(rest, `"`)
	dst := filepath.Join(l.dir, "dst")
	args := []string{"city", "--from", "wss://" + l.url + "/t", "--to", dst, "--token-file", token, "--once", "--timeout", "1s"}
	if out, exit := stand.Run(t, args...); exit != 1 || !strings.Contains(out, "certificate") {
		t.Errorf("without the pin it ended with %d:\n%s", exit, out)
	}
	stand.MustRun(t, append(args, "--timeout", "60s", "--pin", pin)...)
	stand.MustRun(t, "verify", dst, "--from", "wss://"+l.url+"/t", "--token-file", token, "--pin", pin)
	wrong := strings.Map(func(r rune) rune {
		if r == rune(pin[5]) {
			return 'A' + (r+1)%26
		}
		return r
	}, pin)
	if out, exit := stand.Run(t, append(args, "--pin", wrong)...); exit != 1 || !strings.Contains(out, "its pin is "+pin) || !strings.Contains(out, "another machine answers") {
		t.Errorf("with another pin it ended with %d:\n%s", exit, out)
	}
}

// 0.0.0.0 leads to this machine, and is no address that hydrasync knows for it.
func TestStatusWarnsOfPlainLinks(t *testing.T) {
	l := newLand(t, "--insecure")
	dst := filepath.Join(l.dir, "dst")
	from := "ws://" + strings.Replace(l.url, stand.Host(), "0.0.0.0", 1) + "/t"
	if out, exit := stand.Run(t, "city", "--from", from, "--to", dst); exit != 2 || !strings.Contains(out, "--insecure") {
		t.Errorf("it was not meant: %d\n%s", exit, out)
	}
	city := stand.Start(t, "city", "--from", from, "--to", dst, "--insecure")
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	for _, args := range [][]string{{"status", dst}, {"status", "--state", l.state}} {
		if out := stand.MustRun(t, args...); !strings.Contains(out, "  WARNING ") {
			t.Errorf("%q does not warn:\n%s", args, out)
		}
	}
	l.capitol.Says(t, "everybody who reaches 0.0.0.0")
	safe := stand.Start(t, "join", newLand(t).invite("a"), "--to", filepath.Join(l.dir, "safe"))
	stand.Await(t, "the other city", stand.Until(func() bool {
		out, exit := stand.Run(t, "status", filepath.Join(l.dir, "safe"))
		return exit == 0 && strings.Contains(out, "in step") && !strings.Contains(out, "WARNING")
	}), safe)
}
