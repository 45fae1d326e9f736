package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// acmeDoor gets a certificate for public names from an authority (RFC 8555) and
// renews it. The authority comes to port 443 of the name (tls-alpn-01), which may lead to
// any port of ours, or to port 80 (http-01), if that is listened on.
type acmeDoor struct {
	names   []string
	http    string // address for http-01; "": none
	manager *autocert.Manager
	log     zerolog.Logger
	told    atomic.Int64 // when it was last said that there is no certificate, in seconds
}

func newACME(s *serveConf, cache string) *acmeDoor {
	names := strings.FieldsFunc(s.ACME, func(r rune) bool { return r == ',' || r == ' ' })
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cache), HostPolicy: autocert.HostWhitelist(names...), Email: s.ACMEEmail}
	if s.ACMEDirectory != "" {
		m.Client = &acme.Client{DirectoryURL: s.ACMEDirectory}
	}
	return &acmeDoor{names: names, http: s.ACMEHTTP, manager: m}
}

// config answers the authority's own handshakes too.
func (d *acmeDoor) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1", acme.ALPNProto}, GetCertificate: d.certificate}
}

// certificate says in the log why there is none: the visitor does not learn it.
func (d *acmeDoor) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := d.manager.GetCertificate(hello)
	if err == nil || !slices.Contains(d.names, strings.ToLower(hello.ServerName)) {
		return cert, err
	}
	if now, last := time.Now().Unix(), d.told.Load(); now-last >= acmeQuiet && d.told.CompareAndSwap(last, now) {
		d.log.Error().Err(err).Str("name", hello.ServerName).Msg("the authority gives no certificate")
	}
	return nil, err
}

// acmeQuiet is how many seconds pass before that is said again.
const acmeQuiet = 60

// run answers http-01 until ctx ends, where that is wanted.
func (d *acmeDoor) run(ctx context.Context) error {
	if d.http == "" {
		return nil
	}
	answer := d.manager.HTTPHandler(http.NotFoundHandler())
	byName := func(w http.ResponseWriter, r *http.Request) {
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			r.Host = name // an authority that comes to another port than 80 says so
		}
		answer.ServeHTTP(w, r)
	}
	srv := &http.Server{Addr: d.http, Handler: http.HandlerFunc(byName), ReadHeaderTimeout: patience}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer the certificate authority on %s: %w", d.http, err)
	}
	return nil
}
