// Package identity is how a machine proves over TLS that it is itself: with a
// certificate of its own making, known by its pin, with one from a file, or with
// one that an authority gives out by ACME. It touches key files.
//
// A pin is the SHA-256 of a certificate's public key (its SPKI, as in RFC 7469),
// in base64url. Who has a pin looks at nothing else: no name, no date, no
// authority. So a machine may change its address, and its certificate may be made anew
// with the same key.
package identity
