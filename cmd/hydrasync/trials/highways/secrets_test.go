package highways

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

func TestTheCredentialIsSeenNowhere(t *testing.T) {
	l := newLand(t)
	dst := filepath.Join(l.dir, "dst")
	code := l.invite("a")
	city := stand.Start(t, "join", code, "--to", dst, "--log-level", "debug", "--log-format", "json")
	stand.Arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	file := filepath.Join(dst, ".hydrasync", "credential")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := joincode.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	var secrets [][]byte
	for _, s := range []string{strings.TrimSpace(string(text)), parsed.Secret.Reveal()} {
		body := strings.TrimPrefix(s, "hsc_")
		raw, err := base64.RawURLEncoding.DecodeString(body)
		if err != nil || len(raw) != 32 {
			t.Fatalf("a secret of %d bytes: %v", len(raw), err)
		}
		secrets = append(secrets, []byte(body), raw, fmt.Appendf(nil, "%x", raw))
	}
	seen := map[string][]byte{}
	for _, args := range [][]string{{"status", dst}, {"status", dst, "--json"}, {"status", "--state", l.state, "--json"}, {"city", "list", "--state", l.state, "--json"},
		{"verify", dst, "--from", "wss://" + l.url + "/t", "--credential-file", file}, {"status", "wss://" + l.url, "--json"},
		{"run", "--config", config(dst)}} {
		out, _ := stand.Run(t, args...)
		seen[strings.Join(args, " ")] = []byte(out)
	}
	seen["the capitol's log"], seen["the city's log"] = []byte(l.capitol.Printed()), []byte(city.Printed())
	for _, p := range []*stand.Process{l.capitol, city} {
		for _, name := range []string{"cmdline", "environ", "comm"} {
			path := fmt.Sprintf("/proc/%d/%s", p.Pid(), name)
			if seen[path], err = os.ReadFile(path); err != nil {
				t.Error(err)
			}
		}
	}
	files := 0
	err = filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == file {
			return nil // files come and go
		}
		if b, err := os.ReadFile(path); err == nil {
			seen[path] = b
			files++
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("%d files, %v", files, err)
	}
	for where, text := range seen {
		for _, secret := range secrets {
			if bytes.Contains(text, secret) {
				t.Errorf("a secret is in %s", where)
			}
		}
	}
}
