package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

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
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1", acme.ALPNProto}, GetCertificate: d.manager.GetCertificate}
}

// run answers http-01 until ctx ends, where that is wanted.
func (d *acmeDoor) run(ctx context.Context) error {
	if d.http == "" {
		return nil
	}
	srv := &http.Server{Addr: d.http, Handler: d.manager.HTTPHandler(http.NotFoundHandler()), ReadHeaderTimeout: patience}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer the certificate authority on %s: %w", d.http, err)
	}
	return nil
}
