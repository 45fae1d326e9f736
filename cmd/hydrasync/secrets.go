package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/identity"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// tokenVariable is where a token may come from instead of a file.
const tokenVariable = "HYDRASYNC_TOKEN"

// readToken takes the token from the file, or else from the environment. It is
// never logged, and no error contains it.
func readToken(file string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(tokenVariable)), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usage("the file holds the token and nothing else", "read token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, "\n\r\x00") {
		return "", usage("write one line into it, e.g. openssl rand -hex 32 > "+file, "token file %s does not hold one line", file)
	}
	return token, nil
}

// readCredential takes a city's own credential from its file, which nobody else may read.
func readCredential(file string) (string, error) {
	const hint = "hydrasync join writes it; hydrasync city rotate on the capitol makes another"
	if err := identity.CheckPrivate(file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", usage(hint, "read credential: %w", err)
		}
		return "", usage(hintOf(err), "read credential: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usage(hint, "read credential: %w", err)
	}
	s, err := ledger.ParseSecret(strings.TrimSpace(string(text)))
	if err != nil {
		return "", usage(hint, "credential file %s: %w", file, err)
	}
	return s.Reveal(), nil
}

// secrets are what a link is opened with: what proves who calls, and who may answer.
func (l *linkConf) secrets() (token string, secure *tls.Config, err error) {
	switch {
	case l.CredentialFile != "" && l.TokenFile != "":
		return "", nil, usage("leave token_file out: the credential takes its place", "a credential and a token are given")
	case l.CredentialFile != "":
		token, err = readCredential(l.CredentialFile)
	default:
		token, err = readToken(l.TokenFile)
	}
	if err != nil {
		return "", nil, err
	}
	secure, err = l.tls()
	return token, secure, err
}

// tls trusts a pin, an authority that is named, or else those of the system.
func (l *linkConf) tls() (*tls.Config, error) {
	pins, err := identity.Pins(l.Pin)
	switch {
	case err != nil:
		return nil, usage("the capitol's log says it when it begins to serve, and hydrasync invite --json", "%w", err)
	case len(pins) > 0 && l.TLSCA != "":
		return nil, usage("a pin needs no authority: leave tls_ca out", "a pin and an authority are given")
	case len(pins) > 0:
		return identity.Pinned(pins), nil
	case l.TLSCA == "":
		return &tls.Config{MinVersion: tls.VersionTLS13}, nil
	}
	text, err := os.ReadFile(l.TLSCA)
	if err != nil {
		return nil, usage("it is a PEM file", "read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usage("it is a PEM file", "%s holds no certificate", l.TLSCA)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

// proxy is the one to go by: that of the file, else of the environment, and none where
// the other end is in this process.
func (l *linkConf) proxy(inside bool) (stream.Proxy, error) {
	if inside {
		return nil, nil
	}
	p, err := stream.ParseProxy(l.Proxy)
	if err != nil {
		return nil, usage(hintOf(err), "%w", err)
	}
	return p, nil
}

// proxyProblem is about the proxy that a file says. What it holds is not told.
func (l *linkConf) proxyProblem(at string) *problem {
	if _, err := stream.ParseProxy(l.Proxy); err != nil {
		return &problem{at + "proxy", err.Error(), hintOf(err)}
	}
	return nil
}

// checkSecrets refuses a config file that others can read although it holds a password.
func (c *fileConf) checkSecrets(path string) error {
	proxies := []string{c.Registry.Proxy}
	for i := range c.Highways {
		proxies = append(proxies, c.Highways[i].Proxy)
	}
	for _, proxy := range proxies {
		if u, err := url.Parse(proxy); err != nil || u.User == nil {
			continue
		}
		if err := identity.CheckPrivate(path); err != nil {
			return usage(hintOf(err), "the proxy's password is in it: %w", err)
		}
	}
	return nil
}

// httpBase turns a tree's address into that of its pages, without the tree, and the tree's name.
func httpBase(address string) (base, tree string, err error) {
	for from, to := range map[string]string{"ws://": "http://", "wss://": "https://", "http://": "http://", "https://": "https://"} {
		if rest, ok := strings.CutPrefix(address, from); ok {
			rest = strings.TrimSuffix(rest, "/")
			cut := strings.LastIndexByte(rest, '/')
			if cut < 0 {
				return to + rest, "", nil
			}
			return to + rest[:cut], rest[cut+1:], nil
		}
	}
	return "", "", usage("write ws://HOST:PORT/NAME or wss://HOST:PORT/NAME", "%q is no URL", address)
}

// isURL tells an address from a directory.
func isURL(s string) bool { return strings.Contains(s, "://") }
