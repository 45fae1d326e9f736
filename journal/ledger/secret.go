package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Secret is what a city proves with who it is, or that it was invited. However
// it is printed or encoded, it does not show itself; see [Secret.Reveal].
type Secret [32]byte

// prefix makes a secret known for what it is, to people and to programs that
// look for such things in what is published.
const prefix = "hsc_"

// ErrSecret says that a text is no secret. It does not say what the text is.
var ErrSecret = errors.New("not a credential: want " + prefix + " and 43 letters")

// NewSecret draws one.
func NewSecret() Secret {
	var s Secret
	rand.Read(s[:]) // never fails, see its documentation
	return s
}

// ParseSecret reads what Reveal wrote.
func ParseSecret(text string) (Secret, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, prefix))
	if len(raw) != len(Secret{}) || err != nil {
		return Secret{}, ErrSecret
	}
	// One text for one secret: the decoder alone would skip line breaks.
	if s := Secret(raw); subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(text)) == 1 {
		return s, nil
	}
	return Secret{}, ErrSecret
}

// Reveal is the text for a file that its owner alone may read, and for the other
// end of an encrypted connection.
func (s Secret) Reveal() string { return prefix + base64.RawURLEncoding.EncodeToString(s[:]) }

// IsSecret says that a text wants to be one.
func IsSecret(text string) bool { return strings.HasPrefix(text, prefix) }

const hidden = prefix + "…"

// String hides it.
func (s Secret) String() string { return hidden }

// Format hides it, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// hash is what the ledger keeps.
func (s Secret) hash() []byte {
	sum := sha256.Sum256(s[:])
	return sum[:]
}
