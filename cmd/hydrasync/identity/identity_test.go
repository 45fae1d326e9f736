package identity_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/identity"
)

func mustOwn(t *testing.T, folder string) (tls.Certificate, string) {
	t.Helper()
	c, err := identity.Own(folder)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := identity.PinOf(&c)
	if err != nil {
		t.Fatal(err)
	}
	return c, pin
}

func TestAnIdentityIsMadeOnceAndKept(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "identity")
	pins := make([]string, 8)
	var all sync.WaitGroup
	for i := range pins {
		all.Go(func() {
			if c, err := identity.Own(folder); err == nil {
				pins[i], _ = identity.PinOf(&c)
			}
		})
	}
	all.Wait()
	for _, pin := range pins {
		if len(pin) != 43 || pin != pins[0] {
			t.Fatalf("got %q", pins)
		}
	}
	names, err := os.ReadDir(folder)
	if err != nil || len(names) != 1 {
		t.Errorf("it left %v, %v", names, err)
	}
	if _, pin := mustOwn(t, t.TempDir()); pin == pins[0] {
		t.Error("two machines have one identity")
	}
	path := filepath.Join(folder, "identity.pem")
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	var loose *identity.LooseError
	if _, err := identity.Own(folder); !errors.As(err, &loose) || !strings.Contains(loose.Hint(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// shake lets a client with a config talk to a server with a certificate.
func shake(t *testing.T, c tls.Certificate, client *tls.Config) error {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if server, err := ln.Accept(); err == nil {
			_ = server.(*tls.Conn).Handshake() // the client's result counts
		}
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", ln.Addr().String(), client)
	if err == nil {
		conn.Close()
	}
	return err
}

func TestAPinLetsOneKeyThrough(t *testing.T) {
	mine, pin := mustOwn(t, t.TempDir())
	other, otherPin := mustOwn(t, t.TempDir())
	if err := shake(t, mine, identity.Pinned([]string{otherPin, pin})); err != nil {
		t.Errorf("the right one: %v", err)
	}
	var wrong *identity.PinError
	if err := shake(t, other, identity.Pinned([]string{pin})); !errors.As(err, &wrong) || wrong.Got != otherPin {
		t.Errorf("a wrong one: %v", err)
	}
	if err := shake(t, mine, identity.Pinned(nil)); !errors.As(err, &wrong) {
		t.Errorf("no pin at all: %v", err)
	}
	if got := identity.Pinned([]string{pin}).MinVersion; got != tls.VersionTLS13 {
		t.Errorf("the least version is %x", got)
	}
	for text, fine := range map[string]bool{pin: true, pin + "," + otherPin: true, "": true, pin[1:]: false, pin + "A": false, "x": false} {
		if _, err := identity.Pins(text); (err == nil) != fine {
			t.Errorf("pins %q: %v", text, err)
		}
	}
	if names := identity.Vouched(&mine); names != nil {
		t.Errorf("authorities vouch for %q", names)
	}
}

func TestARenewedCertificateIsReadAgain(t *testing.T) {
	folder, next := t.TempDir(), t.TempDir()
	_, first := mustOwn(t, folder)
	_, second := mustOwn(t, next)
	path := filepath.Join(folder, "identity.pem")
	f, err := identity.Open(path, path) // key and certificate in one
	if err != nil {
		t.Fatal(err)
	}
	now := func() string { pin, _ := identity.PinOf(f.Certificate()); return pin }
	if now() != first {
		t.Fatal("another certificate")
	}
	half := []byte("-----BEGIN CERTIFICATE-----\n")
	if err := os.WriteFile(path, half, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // longer than the files are not looked at
	if now() != first {
		t.Error("half a file took the certificate away")
	}
	st, err := os.Stat(path) // a renewal may keep the time, or come within a tick of the clock
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(next, "identity.pem"), st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(next, "identity.pem"), path); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(time.Minute); now() != second; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the new one is not served")
		}
	}
	if _, err := identity.Open(path, os.DevNull); err == nil {
		t.Error("a certificate without a key")
	}
}
