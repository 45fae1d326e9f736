package main

import (
	"crypto/tls"
	"net"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/stream"
)

// door is where a capitol is reached, and by whom: a [serveConf] that was checked.
type door struct {
	conf   serveConf
	token  string
	secure *tls.Config
}

// open reads the secrets and refuses an address that cannot be meant. Nothing listens yet.
func (s *serveConf) open() (*door, error) {
	d := &door{conf: *s}
	var err error
	if d.token, err = readToken(s.TokenFile); err != nil {
		return nil, err
	}
	if d.secure, err = s.tls(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return nil, usage("write HOST:PORT or :PORT, e.g. --listen 127.0.0.1:49996", "listen address %q: %w", s.Listen, err)
	}
	exposed := stream.Exposure{Listen: s.Listen, Closed: d.token != "", TLS: d.secure != nil, Insecure: s.Insecure}
	if err := exposed.Check(); err != nil {
		return nil, usage("serve this machine alone with --listen 127.0.0.1:"+port+
			", or give --token-file (and --tls-cert, --tls-key), or say --insecure", "%w", err)
	}
	return d, nil
}

// server serves trees through the door.
func (d *door) server(trees []stream.Tree, log zerolog.Logger) (*stream.Server, error) {
	srv, err := stream.NewServer(stream.ServerConfig{Trees: trees, Token: d.token, TLS: d.secure, Insecure: d.conf.Insecure, Log: log})
	if err != nil {
		return nil, usage("a tree is given as NAME=DIR; each name is one path component that does not begin with a dot", "%w", err)
	}
	return srv, nil
}

// listen binds the port.
func (d *door) listen() (net.Listener, error) {
	ln, err := net.Listen("tcp", d.conf.Listen)
	if err != nil {
		return nil, failed("is another process using the port? name another with --listen HOST:PORT", "%w", err)
	}
	return ln, nil
}
