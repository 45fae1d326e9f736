package stream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// HintError is an error with a second sentence: what to type or to change.
type HintError struct {
	Err  error
	Hint string
}

// Error is the error alone; cmd prints the hint on its own line.
func (e *HintError) Error() string { return e.Err.Error() }

// Unwrap gives the error.
func (e *HintError) Unwrap() error { return e.Err }

// Exposure is who could reach what is served on an address.
type Exposure struct {
	Listen   string
	Closed   bool // who has neither credential nor token is not let in
	TLS      bool
	Proxy    bool // a program on this machine or beside it ends TLS
	Insecure bool // whatever it is, it is meant
}

// Check refuses to serve trees to whoever asks, and to let credentials travel
// where others can read them, unless on loopback or when that is meant.
func (e Exposure) Check() error {
	switch {
	case e.Proxy && (!e.Closed || !private(e.Listen)):
		return &HintError{
			Err:  fmt.Errorf("listen on %s behind a proxy: only the proxy may reach this address", e.Listen),
			Hint: "listen on 127.0.0.1, or on an address of a private network",
		}
	case e.Proxy || e.Insecure || loopback(e.Listen):
		return nil
	case !e.Closed:
		return &HintError{
			Err:  fmt.Errorf("listen on %s: everybody who reaches this address could read the trees", e.Listen),
			Hint: "let cities join (hydrasync invite) or give --token-file, listen on 127.0.0.1, or say --insecure",
		}
	case !e.TLS:
		return &HintError{
			Err:  fmt.Errorf("listen on %s without TLS: credentials would travel unencrypted", e.Listen),
			Hint: "leave the certificate to hydrasync or give one, listen on 127.0.0.1, or say --insecure",
		}
	}
	return nil
}

// CheckTarget refuses to go where others can read and change what travels: over
// plain ws to another machine, unless insecure.
func CheckTarget(u *url.URL, hasToken, insecure bool) error {
	if insecure || u.Scheme == "wss" || u.Scheme == "https" || loopback(u.Host) {
		return nil
	}
	what := errors.New("what it sends could be read and changed on the way")
	if hasToken {
		what = errors.New("the token would travel unencrypted")
	}
	return &HintError{
		Err:  fmt.Errorf("connect to %s: %w", u.Host, what),
		Hint: "use wss:// (or an ssh tunnel to 127.0.0.1), or say --insecure",
	}
}

// onThisMachine says that the other end is: by loopback, or by what is no network.
func onThisMachine(a net.Addr) bool { return a.Network() != "tcp" || loopback(a.String()) }

// loopback says that an address with or without a port is this machine and
// nothing else; an empty host listens on all.
func loopback(addr string) bool {
	host := addr
	if h, _, err := net.SplitHostPort(addr); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// private says that an address is of this machine or of a network that is not
// the internet; an empty host listens on all.
func private(addr string) bool {
	if loopback(addr) {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsPrivate() || ip.IsLinkLocalUnicast())
}
