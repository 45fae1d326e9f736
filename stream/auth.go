package stream

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
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

// CheckExposure refuses to serve a tree to whoever asks: without TLS and
// without a token only loopback addresses are allowed, unless insecure.
func CheckExposure(listenAddr string, hasToken, hasTLS, insecure bool) error {
	if hasToken || hasTLS || insecure || loopback(listenAddr) {
		return nil
	}
	return &HintError{
		Err:  fmt.Errorf("listen on %s: everybody who reaches this address could read the trees", listenAddr),
		Hint: "give --token-file (and --tls-cert/--tls-key), listen on 127.0.0.1, or say --insecure",
	}
}

// CheckTarget refuses to send a token where others can read it: over plain
// ws to another machine, unless insecure.
func CheckTarget(u *url.URL, hasToken, insecure bool) error {
	if !hasToken || insecure || u.Scheme == "wss" || u.Scheme == "https" || loopback(u.Host) {
		return nil
	}
	return &HintError{
		Err:  fmt.Errorf("connect to %s: the token would travel unencrypted", u.Host),
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

// guard decides which requests are heard.
type guard struct {
	want     [sha256.Size]byte // the token's hash: comparing hashes tells nothing about length or prefix
	hasToken bool
	insecure bool
}

func newGuard(token string, insecure bool) guard {
	return guard{want: sha256.Sum256([]byte(token)), hasToken: token != "", insecure: insecure}
}

// check returns the refusal's status, what is wrong and what to do, or zero.
func (g guard) check(r *http.Request) (status int, text, hint string) {
	if g.hasToken {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], g.want[:]) != 1 || !ok {
			return http.StatusUnauthorized, "the token is missing or wrong", "send the capitol's token: --token-file or HYDRASYNC_TOKEN"
		}
		return 0, "", ""
	}
	if !g.insecure && !plainHost(r.Host) {
		// A page that makes its own name point here (DNS rebinding) is not
		// stopped by the missing Origin of a GET, but by its name.
		return http.StatusForbidden, "host " + Display(r.Host) + " is not an address",
			"use the IP address or localhost, or give the capitol a token"
	}
	return 0, "", ""
}

// plainHost: an IP address or localhost, with or without a port.
func plainHost(hostport string) bool {
	if loopback(hostport) {
		return true
	}
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
