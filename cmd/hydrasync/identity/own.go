package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// ownName is the file with the key and the certificate of a machine's own making.
const ownName = "identity.pem"

// Own reads a machine's own certificate in a folder, and makes it where there is
// none. It is kept for good: whoever pins it would not know another.
func Own(folder string) (tls.Certificate, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return tls.Certificate{}, fmt.Errorf("open identity: %w", err)
	}
	path := filepath.Join(folder, ownName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(folder, path); err != nil {
			return tls.Certificate{}, fmt.Errorf("make identity: %w", err)
		}
	}
	if err := CheckPrivate(path); err != nil {
		return tls.Certificate{}, err
	}
	return load(path, path)
}

// create makes the file whole or not at all. Of two processes one wins; both read the winner's.
func create(folder, path string) error {
	text, err := generate()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ownName+".*") // for its owner only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// generate is a new key with a certificate that it has signed itself. Nobody
// looks at its dates: it must only never stop somebody who does.
func generate() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "hydrasync"}, DNSNames: []string{"hydrasync"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// LooseError is a secret that others on this machine can read or change.
type LooseError struct {
	Path string
	Mode fs.FileMode
}

// Error names the file and its mode.
func (e *LooseError) Error() string {
	return fmt.Sprintf("%s is open to others (mode %04o)", e.Path, e.Mode.Perm())
}

// Hint says what to type.
func (e *LooseError) Hint() string {
	return "close it: chmod 600 " + e.Path + "; if somebody may have read it, replace what is in it"
}

// CheckPrivate refuses a file that is not its owner's alone.
func CheckPrivate(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return &LooseError{path, st.Mode()}
	}
	return nil
}
