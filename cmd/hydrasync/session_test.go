package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hydrasync/hydrasync/applier"
)

// How long a session waits for a state, and how often it looks. The first is
// generous: it is only reached when something is broken.
const (
	awaitTime = 30 * time.Second
	awaitStep = 10 * time.Millisecond
)

// awaits waits for a state:
//
//	await same FILE FILE            both hold the same bytes
//	await [!] exists FILE…          all exist (or none)
//	await FILE|- REGEXP [CMD ARG…]  the file, or what the command prints, matches
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	if args[0] == "!" {
		neg, args = true, args[1:]
	}
	var why string
	for end := time.Now().Add(awaitTime); time.Now().Before(end); time.Sleep(awaitStep) {
		if why = lacking(ts, neg, args); why == "" {
			return
		}
	}
	ts.Fatalf("await %q: %s", args, why)
}

// lacking says what an await still waits for, "" for nothing.
func lacking(ts *testscript.TestScript, neg bool, args []string) string {
	switch args[0] {
	case "same":
		a, erra := os.ReadFile(ts.MkAbs(args[1]))
		b, errb := os.ReadFile(ts.MkAbs(args[2]))
		if erra != nil || errb != nil || !bytes.Equal(a, b) {
			return fmt.Sprintf("%q %v, %q %v", a, erra, b, errb)
		}
		return ""
	case "exists":
		for _, name := range args[1:] {
			if _, err := os.Lstat(ts.MkAbs(name)); (err == nil) == neg {
				return fmt.Sprintf("%s: %v", name, err)
			}
		}
		return ""
	}
	var text []byte
	if args[0] != "-" {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
	} else {
		_ = ts.Exec(args[2], args[3:]...)
		text = []byte(ts.ReadFile("stdout"))
	}
	if regexp.MustCompile("(?m)"+args[1]).Match(text) == neg {
		return fmt.Sprintf("have %s", text)
	}
	return ""
}

// exitCode runs a command that has to end with a code: code N CMD ARG…
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	if !errors.As(err, &ended) || strconv.Itoa(ended.ExitCode()) != args[0] {
		ts.Fatalf("%q ended with %v, want code %s", args[1:], err, args[0])
	}
}

// equal compares two trees: names, kinds, modes, targets and bytes.
func equal(ts *testscript.TestScript, neg bool, args []string) {
	a, b := listing(ts, ts.MkAbs(args[0])), listing(ts, ts.MkAbs(args[1]))
	if (a == b) == neg {
		ts.Fatalf("equal %q: got\n%s\nand\n%s", args, a, b)
	}
}

func listing(ts *testscript.TestScript, root string) string {
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		if d.Name() == applier.StateName {
			return fs.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", strings.TrimPrefix(path, root), st.Mode())
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s %v", target, err)
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, " %q %v %v", text, st.ModTime().UnixNano(), err)
		}
		b.WriteByte('\n')
		return nil
	})
	ts.Check(err)
	return b.String()
}

// port puts the number of a free port into a variable.
func port(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(ln.Close())
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}

// flip changes the first byte of a file and keeps its size and times.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	text, err := os.ReadFile(name)
	ts.Check(err)
	st, err := os.Stat(name)
	ts.Check(err)
	text[0] ^= 1
	ts.Check(os.WriteFile(name, text, st.Mode()))
	ts.Check(os.Chtimes(name, st.ModTime(), st.ModTime()))
}

// many makes N small files in a directory.
func many(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d", i)), []byte(strconv.Itoa(i)), 0o644))
	}
}

// certificate makes CERT and KEY for 127.0.0.1, signed by itself.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	write := func(name, kind string, der []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	write(args[0], "CERTIFICATE", cert)
	write(args[1], "PRIVATE KEY", secret)
}
