package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/identity"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/runs"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// door is where a capitol is reached, and by whom: a [serveConf] that was checked.
type door struct {
	conf   serveConf
	token  string
	show   func() *tls.Certificate // nil: plain
	acme   *acmeDoor               // the certificate comes from an authority
	own    bool                    // the machine's own certificate, which settle finds or makes
	pin    string                  // of the certificate, where no authority vouches for it
	open   bool                    // who has no credential is let in
	book   *ledger.Ledger
	gate   *gate
	runs   *runs.Capitol
	limit  *rate.Limiter  // of what all cities get together; nil: none
	roster *roster.Roster // nil: none is kept
	plan   stream.Plan    // of other machines; nil: none is told

	addr    string // once it listens
	serving ledger.Serving
}

// check reads the secrets and refuses what cannot be meant. Nothing is made, nothing listens yet.
func (s *serveConf) check(state stateFolder) (*door, error) {
	d := &door{conf: *s, limit: s.Limit.limiter()}
	var err error
	if d.token, err = readToken(s.TokenFile); err != nil {
		return nil, err
	}
	if p := s.certificateProblem(); p != nil {
		return nil, usage(p.instead, "%s", p.text)
	}
	if err := d.certificate(state); err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return nil, usage("write HOST:PORT or :PORT, e.g. --listen 127.0.0.1:49996", "listen address %q: %w", s.Listen, err)
	}
	e := s.exposure(d.token != "")
	d.open, d.own = !e.Closed, e.TLS && d.show == nil && d.acme == nil
	if err := e.Check(); err != nil {
		return nil, &failure{err: err, hint: hintOf(err), code: codeUsage}
	}
	return d, nil
}

// exposure says how the trees would be served. What others can reach is closed
// and has TLS, with the machine's own certificate if no other is given, unless it is meant otherwise.
func (s *serveConf) exposure(hasToken bool) stream.Exposure {
	local := stream.Exposure{Listen: s.Listen}.Check() == nil
	return stream.Exposure{Listen: s.Listen, Proxy: s.BehindProxy, Insecure: s.Insecure,
		Closed: hasToken || s.BehindProxy || !local && !s.Insecure,
		TLS:    s.TLSCert != "" || s.PemFile != "" || s.ACME != "" || !local && !s.Insecure && !s.BehindProxy}
}

// certificate finds what the configuration names.
func (d *door) certificate(state stateFolder) error {
	cert, key := d.conf.TLSCert, d.conf.TLSKey
	if d.conf.PemFile != "" {
		cert, key = d.conf.PemFile, d.conf.PemFile
	}
	switch {
	case d.conf.ACME != "":
		d.acme = newACME(&d.conf, filepath.Join(string(state), "acme"))
	case cert != "":
		files, err := identity.Open(cert, key)
		if err != nil {
			return usage("both are PEM, and the key is the certificate's; pem_file holds both", "read certificate: %w", err)
		}
		d.show = files.Certificate
	}
	return nil
}

// settle opens what the machine keeps of itself and of others; it is made where there is none.
func (d *door) settle(ctx context.Context, state stateFolder, log zerolog.Logger) (err error) {
	if d.own {
		own, err := identity.Own(identityFolder(state))
		if err != nil {
			return err
		}
		d.show = func() *tls.Certificate { return &own }
	}
	if d.acme != nil {
		d.acme.log = log
	}
	if d.book, err = ledger.Open(ctx, string(state)); err != nil {
		return &failure{err: err, hint: cmp.Or(hintOf(err), "name a folder that can be written: --state DIR"), code: codeFailed}
	}
	d.gate, d.runs = newGate(d.book, log), runs.NewCapitol(d.lend, log)
	return nil
}

func identityFolder(state stateFolder) string { return filepath.Join(string(state), "identity") }

func (d *door) close() error {
	if d == nil || d.book == nil {
		return nil
	}
	return d.book.Close()
}

// secure is how TLS is spoken; nil: it is not.
func (d *door) secure() *tls.Config {
	switch {
	case d.acme != nil:
		return d.acme.config()
	case d.show == nil:
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.show(), nil }}
}

// server serves trees through the door.
func (d *door) server(trees []stream.Tree, log zerolog.Logger) (*stream.Server, error) {
	srv, err := stream.NewServer(stream.ServerConfig{Trees: trees, Token: d.token, Gate: d.gate, Open: d.open, TLS: d.secure(),
		Proxy: d.conf.BehindProxy, Insecure: d.conf.Insecure, Visitors: d.visitors(), Plan: d.plan, Limit: d.limit, Turns: int(d.conf.MaxBusy), Log: log})
	if err != nil {
		return nil, usage("a tree is given as NAME=DIR; each name is one path component that does not begin with a dot", "%w", err)
	}
	return srv, nil
}

// secured says that TLS is spoken, here or at a proxy.
func (d *door) secured() bool { return d.show != nil || d.acme != nil || d.conf.BehindProxy }

// visitors are all who hear of those that come.
func (d *door) visitors() stream.Visitors {
	if d.roster == nil {
		return visitors{d.runs}
	}
	return visitors{d.runs, d.roster}
}

// visitors hear one after the other.
type visitors []stream.Visitors

// Came implements [stream.Visitors].
func (all visitors) Came(v *stream.Visit) {
	for _, one := range all {
		one.Came(v)
	}
}

// Left implements [stream.Visitors].
func (all visitors) Left(v *stream.Visit, why error, whose stream.Fault) {
	for _, one := range all {
		one.Left(v, why, whose)
	}
}

// Reported implements [stream.Visitors].
func (all visitors) Reported(v *stream.Visit, r stream.Report) {
	for _, one := range all {
		one.Reported(v, r)
	}
}

// Refused implements [stream.Visitors].
func (all visitors) Refused(r stream.Refusal) {
	for _, one := range all {
		one.Refused(r)
	}
}

// listen binds the port, and notes for invite where this machine is reached.
func (d *door) listen(ctx context.Context, trees []string) (net.Listener, error) {
	ln, err := net.Listen("tcp", d.conf.Listen)
	if err != nil {
		return nil, failed("is another process using the port? name another with --listen HOST:PORT", "%w", err)
	}
	s := ledger.Serving{Listen: ln.Addr().String(), TLS: d.show != nil || d.acme != nil, Proxy: d.conf.BehindProxy}
	switch {
	case d.acme != nil:
		s.Names = d.acme.names
	case d.show != nil:
		if s.Names = identity.Vouched(d.show()); s.Names == nil {
			s.Pin, err = identity.PinOf(d.show())
		}
	}
	d.addr, d.pin, d.serving = ln.Addr().String(), s.Pin, s
	if err == nil {
		err = d.tell(ctx, trees)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// tell notes for invite which trees are served now.
func (d *door) tell(ctx context.Context, trees []string) error {
	s := d.serving
	s.Trees = trees
	return d.book.Serves(ctx, s)
}

// run does what goes on beside serving, until ctx ends.
func (d *door) run(ctx context.Context, srv *stream.Server) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.gate.follow(ctx) })
	g.Go(func() error { return d.conf.Limit.keep(ctx, d.limit) })
	g.Go(func() error { return d.gate.note(ctx, srv.Cities) })
	if d.acme != nil {
		g.Go(func() error { return d.acme.run(ctx) })
	}
	return g.Wait()
}

// warnings say loudly what is not protected.
func (d *door) warnings() []string {
	switch {
	case d.conf.Insecure && d.open:
		return []string{"everybody who reaches " + d.conf.Listen + " can read the trees, and so can everybody on the way: --insecure"}
	case d.conf.Insecure:
		return []string{"what is served on " + d.conf.Listen + " travels PLAIN, credentials too: --insecure"}
	}
	return nil
}
