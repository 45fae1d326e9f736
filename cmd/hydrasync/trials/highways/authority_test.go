package highways

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// publicAuthority is Let's Encrypt's own server for tests. It comes to the ports that
// are told instead of 80 and 443; every name leads to this process's host.
type publicAuthority struct {
	directory string
	root      string // PEM of what signs
}

func newPublicAuthority(t *testing.T, own *stand.Authority, httpPort, tlsPort int, valid time.Duration) *publicAuthority {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(valid / time.Second)}})
	validator := va.New(quiet, httpPort, tlsPort, true, nameServer(t), store)
	front := wfe.New(quiet, store, validator, issuer, []string{"authority.example"}, true, false, 1, 1)
	srv := httptest.NewUnstartedServer(front.Handler())
	both := own.Both("127.0.0.1", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(both, both)
	if err != nil {
		t.Fatal(err)
	}
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return &publicAuthority{directory: srv.URL + wfe.DirectoryPath, root: string(issuer.GetRootCert(0).PEM())}
}

// nameServer knows one address for every name.
func nameServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if ask := q.Question[0]; ask.Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ask.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(stand.Host())}}
		}
		_ = w.WriteMsg(answer) // who asked may have gone
	})}
	go func() { _ = srv.ActivateAndServe() }()
	t.Cleanup(func() { srv.Shutdown() })
	return ln.Addr().String()
}

// wayOut is a proxy by which cities find every name at this process's host.
func wayOut(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, port, _ := net.SplitHostPort(r.Host)
		out, err := net.Dial("tcp", net.JoinHostPort(stand.Host(), port))
		if r.Method != http.MethodConnect || err != nil {
			http.Error(w, "nobody is there", http.StatusBadGateway)
			return
		}
		defer out.Close()
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer in.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		_, _ = io.Copy(in, out) // until either has gone
	}))
	t.Cleanup(srv.CloseClientConnections)
	return srv.URL
}

// site is a capitol with a public name.
type site struct {
	*land
	name      string
	authority *publicAuthority
	first     string // the serial number of its first certificate
}

// way is how the authority comes to a capitol.
type way int

const (
	byTLS way = iota
	byHTTP
	byNone // its port is closed
)

// newSite starts one.
func newSite(t *testing.T, own *stand.Authority, name string, by way, valid time.Duration) *site {
	t.Helper()
	dir := t.TempDir()
	l := &land{t: t, dir: dir, src: filepath.Join(dir, "src"), state: filepath.Join(dir, "state")}
	stand.Write(t, filepath.Join(l.src, "first"), "1")
	at := stand.Address(t)
	_, port, _ := net.SplitHostPort(at)
	l.url = at
	args := []string{"capitol", "--tree", "t=" + l.src, "--listen", "0.0.0.0:" + port, "--state", l.state, "--log-level", "debug", "--log-format", "json", "--acme", name}
	web, open := stand.Address(t), number(t, port)
	if by != byTLS {
		open = 1 // nobody listens there
	}
	if by == byHTTP {
		args = append(args, "--acme-http", web)
	}
	_, webPort, _ := net.SplitHostPort(web)
	s := &site{land: l, name: name, authority: newPublicAuthority(t, own, number(t, webPort), open, valid)}
	l.capitol = stand.Start(t, append(args, "--acme-directory", s.authority.directory)...)
	l.capitol.Says(t, `"message":"serving"`)
	return s
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// serial is that of the certificate that the capitol shows now; "" if it shows none.
func (s *site) serial(name string) string {
	conn, err := tls.Dial("tcp", s.url, &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return ""
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// trust makes every program that is started from now on believe these authorities, and no other.
func trust(t *testing.T, own *stand.Authority, sites ...*site) {
	t.Helper()
	text, err := os.ReadFile(own.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		text = append(text, s.authority.root...)
	}
	file := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
}
