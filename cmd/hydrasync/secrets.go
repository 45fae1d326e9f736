package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
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

// serverTLS is nil where no certificate is configured.
func (s *serveConf) tls() (*tls.Config, error) {
	switch {
	case s.TLSCert == "" && s.TLSKey == "":
		return nil, nil
	case s.TLSCert == "" || s.TLSKey == "":
		return nil, usage("give both --tls-cert and --tls-key, or neither", "a certificate and its key belong together")
	}
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, usage("both are PEM files, and the key is the certificate's", "read certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// tls is nil where the system's authorities are meant.
func (l *linkConf) tls() (*tls.Config, error) {
	if l.TLSCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(l.TLSCA)
	if err != nil {
		return nil, usage("it is a PEM file", "read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usage("it is a PEM file", "%s holds no certificate", l.TLSCA)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// httpBase turns a tree's address into that of its pages, without the tree, and the tree's name.
func httpBase(url string) (base, tree string, err error) {
	for from, to := range map[string]string{"ws://": "http://", "wss://": "https://", "http://": "http://", "https://": "https://"} {
		if rest, ok := strings.CutPrefix(url, from); ok {
			rest = strings.TrimSuffix(rest, "/")
			cut := strings.LastIndexByte(rest, '/')
			if cut < 0 {
				return to + rest, "", nil
			}
			return to + rest[:cut], rest[cut+1:], nil
		}
	}
	return "", "", usage("write ws://HOST:PORT/NAME or wss://HOST:PORT/NAME", "%q is no URL", url)
}

// isURL tells an address from a directory.
func isURL(s string) bool { return strings.Contains(s, "://") }
