// Package joincode is the line that hydrasync invite prints: where the capitol
// is, how to know it, and a secret that is good once. It touches nothing.
package joincode

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

// Code is a line, taken apart.
type Code struct {
	Addresses []string // http(s)://HOST:PORT, the best first
	Pin       string   // of the capitol's certificate; "" if authorities vouch for it
	Secret    ledger.Secret
}

// wire is what stands between prefix and checksum, in CBOR.
type wire struct {
	Addresses []string `cbor:"1,keyasint"`
	Pin       string   `cbor:"2,keyasint,omitempty"`
	Secret    []byte   `cbor:"3,keyasint"`
}

const (
	prefix = "hsj1_" // of the first version
	check  = 4       // bytes of SHA-256: a line that was not copied whole is known for it
	// MostAddresses bounds what a joining city tries.
	MostAddresses = 16
)

// ErrDamaged is a line that was not copied whole.
var ErrDamaged = errors.New("the join code is damaged")

// ErrNoCode is something else.
var ErrNoCode = errors.New("this is no join code: one begins with " + prefix)

// Encode is the line. It holds the secret.
func (c *Code) Encode() (string, error) {
	body, err := cbor.Marshal(wire{c.Addresses, c.Pin, c.Secret[:]})
	if err != nil {
		return "", fmt.Errorf("write join code: %w", err)
	}
	sum := sha256.Sum256(body)
	return prefix + base64.RawURLEncoding.EncodeToString(append(body, sum[:check]...)), nil
}

// Parse reads what Encode wrote, with white space around and within: it is
// often copied from a page that breaks lines. Errors do not repeat it.
func Parse(text string) (*Code, error) {
	text, found := strings.CutPrefix(strings.Join(strings.Fields(text), ""), prefix)
	if !found {
		return nil, ErrNoCode
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < check {
		return nil, ErrDamaged
	}
	body := raw[:len(raw)-check]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:check], raw[len(body):]) {
		return nil, ErrDamaged
	}
	var w wire
	if err := cbor.Unmarshal(body, &w); err != nil || len(w.Secret) != len(ledger.Secret{}) || len(w.Addresses) == 0 || len(w.Addresses) > MostAddresses {
		return nil, ErrDamaged
	}
	for _, a := range w.Addresses {
		if err := CheckAddress(a); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return &Code{Addresses: w.Addresses, Pin: w.Pin, Secret: ledger.Secret(w.Secret)}, nil
}

// CheckAddress wants http(s)://HOST[:PORT][/PATH].
func CheckAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is no address", text)
	}
	return nil
}
