package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Pin of a certificate.
func Pin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// PinOf is the pin of what a server would show.
func PinOf(c *tls.Certificate) (string, error) {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return "", err
	}
	return Pin(leaf), nil
}

// PinError is a server that is not the one that was meant.
type PinError struct{ Got string }

// Error does not repeat what was expected: the config says that.
func (e *PinError) Error() string {
	return "the certificate is not the one that is pinned: its pin is " + e.Got
}

// Hint says what may be the matter.
func (e *PinError) Hint() string {
	return "another machine answers at this address, or the capitol lost its identity folder; if that is so, join anew"
}

// Pins reads a list with commas between.
func Pins(text string) ([]string, error) {
	var pins []string
	for _, pin := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if raw, err := base64.RawURLEncoding.DecodeString(pin); err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("%q is no pin: want 43 letters, as hydrasync invite prints them", pin)
		}
		pins = append(pins, pin)
	}
	return pins, nil
}

// Pinned is for a client that knows the pins of who may answer, and nothing else.
func Pinned(pins []string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it instead, also when a session is resumed
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return &PinError{Got: "missing"}
			}
			if pin := Pin(s.PeerCertificates[0]); !slices.Contains(pins, pin) {
				return &PinError{Got: pin}
			}
			return nil
		},
	}
}

// Vouched says for which names the system's authorities vouch, if they do.
func Vouched(c *tls.Certificate) []string {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	between := x509.NewCertPool()
	for _, der := range c.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(cert)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Intermediates: between}); err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(leaf.DNSNames), func(name string) bool { return strings.HasPrefix(name, "*") })
}
