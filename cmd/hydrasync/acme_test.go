package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

// authority is as much of an ACME server (RFC 8555) as one account and one order at
// a time need. It checks what matters to us: that the name's own server answers the challenge.
type authority struct {
	t      *testing.T
	server *httptest.Server
	site   string // where the name would lead
	key    *ecdsa.PrivateKey
	root   *x509.Certificate

	mu     sync.Mutex
	thumb  string // of the account's key
	name   string
	valid  bool
	issued []byte
	orders int
}

func newAuthority(t *testing.T, site string) *authority {
	t.Helper()
	a := &authority{t: t, site: site}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.server.Close)
	return a
}

func (a *authority) url(page string) string { return a.server.URL + page }

// payload takes a JWS apart; the account's key is in the first.
func (a *authority) payload(r *http.Request, into any) {
	var jws struct{ Protected, Payload string }
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &jws) != nil {
		return
	}
	head, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
	var protected struct{ JWK map[string]string }
	if json.Unmarshal(head, &protected) == nil && protected.JWK != nil {
		j := protected.JWK
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, j["crv"], j["kty"], j["x"], j["y"])) // RFC 7638
		a.thumb = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	text, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	_ = json.Unmarshal(text, into) // a request without payload has nothing to say
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d", time.Now().UnixNano())))
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	var ask struct {
		Identifiers []struct{ Value string }
		CSR         string
	}
	a.payload(r, &ask)
	state := map[bool]string{true: "valid", false: "pending"}[a.valid]
	order := map[string]any{"status": map[bool]string{true: "ready", false: "pending"}[a.valid], "authorizations": []string{a.url("/authz")}, "finalize": a.url("/finalize"),
		"identifiers": []any{map[string]string{"type": "dns", "value": a.name}}}
	if a.issued != nil {
		order["status"], order["certificate"] = "valid", a.url("/cert")
	}
	challenge := map[string]string{"type": "tls-alpn-01", "url": a.url("/challenge"), "token": "a-token", "status": state}
	switch r.URL.Path {
	case "/directory":
		answer(200, map[string]any{"newNonce": a.url("/nonce"), "newAccount": a.url("/account"), "newOrder": a.url("/order")})
	case "/nonce":
	case "/account":
		w.Header().Set("Location", a.url("/account/1"))
		answer(201, map[string]string{"status": "valid"})
	case "/order":
		a.orders++
		a.name = ask.Identifiers[0].Value
		w.Header().Set("Location", a.url("/order/1"))
		answer(201, order)
	case "/order/1":
		answer(200, order)
	case "/authz":
		answer(200, map[string]any{"status": state, "identifier": map[string]string{"type": "dns", "value": a.name}, "challenges": []any{challenge}})
	case "/challenge":
		a.valid = a.visit()
		answer(200, challenge)
	case "/finalize":
		a.issue(ask.CSR)
		w.Header().Set("Location", a.url("/order/1"))
		order["status"], order["certificate"] = "valid", a.url("/cert")
		answer(200, order)
	case "/cert":
		_, _ = w.Write(a.issued)
	default:
		answer(404, map[string]string{"type": "urn:ietf:params:acme:error:malformed"})
	}
}

// visit asks the site for the proof that the name is its own (RFC 8737).
func (a *authority) visit() bool {
	conn, err := tls.Dial("tcp", a.site, &tls.Config{ServerName: a.name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true})
	if err != nil {
		a.t.Logf("visit: %v", err)
		return false
	}
	defer conn.Close()
	sum := sha256.Sum256([]byte("a-token." + a.thumb))
	want, _ := asn1.Marshal(sum[:])
	leaf := conn.ConnectionState().PeerCertificates[0]
	return conn.ConnectionState().NegotiatedProtocol == acme.ALPNProto && hasProof(leaf, want)
}

func hasProof(leaf *x509.Certificate, want []byte) bool {
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical && bytes.Equal(e.Value, want) {
			return true
		}
	}
	return false
}

func (a *authority) issue(csr string) {
	der, _ := base64.RawURLEncoding.DecodeString(csr)
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		a.t.Errorf("csr: %v", err)
		return
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(80 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	var key crypto.PublicKey = request.PublicKey
	cert, err := x509.CreateCertificate(rand.Reader, form, a.root, key, a.key)
	if err != nil {
		a.t.Errorf("issue: %v", err)
		return
	}
	a.issued = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
}

// A capitol with a public name gets its certificate by itself, keeps it, and
// serves with it; a code for it has the name and no pin.
func TestACertificateFromAnAuthority(t *testing.T) {
	state := stateFolder(t.TempDir())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site := ln.Addr().String()
	ln.Close()
	a := newAuthority(t, site)
	conf := serveConf{Listen: site, ACME: "capitol.example", ACMEDirectory: a.url("/directory")}
	serve := func() (stop func()) {
		d, err := conf.check(state)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if err := d.settle(ctx, state, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		srv, err := d.server(nil, newApp(os.Stdout, os.Stderr).logger())
		if err != nil {
			t.Fatal(err)
		}
		ln, err := d.listen(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ctx, ln) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			d.close()
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	for range 2 { // the second life has the certificate already
		stop := serve()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "capitol.example", MinVersion: tls.VersionTLS13}}}
		resp, err := client.Get("https://" + site + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, err := tls.Dial("tcp", site, &tls.Config{ServerName: "evil.example", InsecureSkipVerify: true}); err == nil {
			t.Error("it gets certificates for other names")
		}
		stop()
	}
	if a.orders != 1 {
		t.Errorf("%d orders", a.orders)
	}
	if st, err := os.Stat(filepath.Join(string(state), "acme")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the folder with the key: %v, %v", st, err)
	}
	book, err := ledger.Open(t.Context(), string(state))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	all, err := book.Serving(t.Context())
	if err != nil || len(all) != 1 || all[0].Pin != "" || !slices.Equal(all[0].Names, []string{"capitol.example"}) {
		t.Errorf("got %+v, %v", all, err)
	}
}
