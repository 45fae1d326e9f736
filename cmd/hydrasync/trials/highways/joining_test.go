package highways

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
)

// land is a capitol with a tree t, which others could reach.
type land struct {
	t                    *testing.T
	dir, src, state, url string
	capitol              *process
}

func newLand(t *testing.T, more ...string) *land {
	t.Helper()
	l := &land{t: t, dir: t.TempDir()}
	l.src, l.state = filepath.Join(l.dir, "src"), filepath.Join(l.dir, "state")
	if err := os.Mkdir(l.src, 0o755); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(l.src, "first"), "1")
	port := freePort(t)
	listen := "0.0.0.0:" + port
	if len(more) > 0 && more[0] == "--listen" {
		listen, more = more[1]+":"+port, more[2:]
	}
	l.url = "127.0.0.1:" + port
	l.capitol = start(t, append([]string{"capitol", "--tree", "t=" + l.src, "--listen", listen, "--state", l.state, "--log-level", "debug", "--log-format", "json"}, more...)...)
	l.capitol.says(`"message":"serving"`)
	return l
}

func (l *land) invite(city string, more ...string) string {
	l.t.Helper()
	args := append([]string{"invite", city, "--state", l.state, "--quiet"}, more...)
	if !strings.Contains(strings.Join(more, " "), "--address") {
		args = append(args, "--address", l.url)
	}
	return strings.TrimSpace(mustRun(l.t, args...))
}

// join runs join to its end; with noStart it ends by itself.
func (l *land) join(code, to string, more ...string) (string, int) {
	l.t.Helper()
	return run(l.t, append([]string{"join", code, "--to", to, "--no-start"}, more...)...)
}

func config(dst string) string { return filepath.Join(dst, ".hydrasync", "hydrasync.toml") }

// refused says that a code was refused with that reason in the capitol's log, and left nothing.
func (l *land) refused(t *testing.T, code, reason string) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	before := strings.Count(l.capitol.printed(), reason)
	out, exit := l.join(code, dst)
	if exit != 1 || !strings.Contains(out, "hydrasync: hint: ") {
		t.Errorf("it ended with %d:\n%s", exit, out)
	}
	await(t, reason, l.capitol.printed, func() bool { return strings.Count(l.capitol.printed(), reason) > before })
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left %s: %v", dst, err)
	}
	if text, err := joincode.Parse(code); err == nil && (strings.Contains(out, text.Secret.Reveal()) || strings.Contains(l.capitol.printed(), text.Secret.Reveal())) {
		t.Error("the secret was printed")
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	l, other := newLand(t), newLand(t)
	used := l.invite("used")
	if out, exit := l.join(used, filepath.Join(l.dir, "dst")); exit != 0 {
		t.Fatalf("%d:\n%s", exit, out)
	}
	withdrawn := l.invite("twice")
	l.invite("twice")
	revoked := l.invite("revoked")
	mustRun(t, "city", "revoke", "revoked", "--state", l.state)
	pinned, err := joincode.Parse(other.invite("pinned"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := *pinned
	mine, err := joincode.Parse(l.invite("mine"))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Addresses, foreign.Pin = mine.Addresses, mine.Pin
	pinned.Addresses = mine.Addresses // another machine has taken the address
	encode := func(c *joincode.Code) string {
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, row := range []struct{ name, code, reason string }{
		{"used", used, `"reason":"used join code","city":"used"`},
		{"expired", l.invite("late", "--expires", "1ms"), `"reason":"expired join code","city":"late"`},
		{"withdrawn by another", withdrawn, `"reason":"withdrawn join code","city":"twice"`},
		{"withdrawn by a revocation", revoked, `"reason":"withdrawn join code","city":"revoked"`},
		{"of another capitol", encode(&foreign), `"reason":"unknown join code"`},
		{"with a wrong pin", encode(pinned), `it does not take this capitol's certificate for the one that it expects`},
	} {
		t.Run(row.name, func(t *testing.T) { l.refused(t, row.code, row.reason) })
	}
	if out := mustRun(t, "city", "list", "--state", l.state); strings.Count(out, " joined ") != 1 {
		t.Errorf("more than one has joined:\n%s", out)
	}
}

func TestOfTwoThatJoinAtOnceOneWins(t *testing.T) {
	l := newLand(t)
	code := l.invite("one")
	var all sync.WaitGroup
	exits := make([]int, 4)
	for i := range exits {
		all.Go(func() {
			cmd := exec.Command(program, "join", code, "--to", filepath.Join(l.dir, fmt.Sprint("dst", i)), "--no-start")
			_ = cmd.Run() // its code counts
			exits[i] = cmd.ProcessState.ExitCode()
		})
	}
	all.Wait()
	won := 0
	for i, exit := range exits {
		_, err := os.Stat(config(filepath.Join(l.dir, fmt.Sprint("dst", i))))
		if exit == 0 {
			won++
		}
		if (exit == 0) != (err == nil) {
			t.Errorf("exit code %d, and config: %v", exit, err)
		}
	}
	if won != 1 {
		t.Errorf("%d have won: %v", won, exits)
	}
}

func TestARevokedCityGetsNothingMore(t *testing.T) {
	l := newLand(t)
	dst := filepath.Join(l.dir, "dst")
	city := start(t, "join", l.invite("a"), "--to", dst, "--log-format", "json")
	arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	began := time.Now()
	mustRun(t, "city", "revoke", "a", "--state", l.state)
	if exit := city.ended(); exit != 1 || !strings.Contains(city.printed(), "hydrasync: hint: ") {
		t.Errorf("it ended with %d:\n%s", exit, city.printed())
	}
	t.Logf("cut off %v after the command began", time.Since(began))
	mustWrite(t, filepath.Join(l.src, "later"), "2")
	if out, exit := run(t, "run", "--config", config(dst)); exit != 1 || !strings.Contains(out, "missing or wrong") {
		t.Errorf("it may come again (%d):\n%s", exit, out)
	}
	l.capitol.says(`"reason":"revoked credential","city":"a"`)
	if _, err := os.Lstat(filepath.Join(dst, "later")); err == nil {
		t.Error("a file that was written after the revocation arrived")
	}
	if b, err := os.ReadFile(filepath.Join(dst, "first")); err != nil || string(b) != "1" {
		t.Errorf("what it had is gone: %q, %v", b, err)
	}
}

// tap passes a connection on and keeps what the caller sent.
type tap struct {
	ln net.Listener
	to string

	mu   sync.Mutex
	sent []*bytes.Buffer
}

func newTap(t *testing.T, to string) *tap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{ln: ln, to: to}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go p.pass(in)
		}
	}()
	return p
}

func (p *tap) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	kept := &bytes.Buffer{}
	p.mu.Lock()
	p.sent = append(p.sent, kept)
	p.mu.Unlock()
	go io.Copy(in, out)
	b := make([]byte, 32<<10)
	for {
		n, err := in.Read(b)
		p.mu.Lock()
		kept.Write(b[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := out.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *tap) recorded() (all [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.sent {
		all = append(all, bytes.Clone(b.Bytes()))
	}
	return all
}

// What a city has sent, its join and its hello, is of no use to who sends it again.
func TestAReplayedHelloIsRefused(t *testing.T) {
	l := newLand(t)
	p := newTap(t, l.url)
	dst := filepath.Join(l.dir, "dst")
	city := start(t, "join", l.invite("a", "--address", p.ln.Addr().String()), "--to", dst)
	arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
	recorded := p.recorded()
	if len(recorded) < 2 {
		t.Fatalf("%d connections were recorded", len(recorded))
	}
	joined := strings.Count(l.capitol.printed(), `"message":"city joined"`)
	for i, bytes := range recorded {
		before := strings.Count(l.capitol.printed(), `"message":"refused"`)
		conn, err := net.Dial("tcp", l.url)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = conn.Write(bytes) // the capitol may close before it has all
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		await(t, fmt.Sprint("the refusal of connection ", i), l.capitol.printed, func() bool {
			return strings.Count(l.capitol.printed(), `"message":"refused"`) > before
		})
	}
	if now := strings.Count(l.capitol.printed(), `"message":"city joined"`); now != joined {
		t.Errorf("somebody joined by a replay:\n%s", l.capitol.printed())
	}
	for i, b := range recorded {
		if secret, err := os.ReadFile(filepath.Join(dst, ".hydrasync", "credential")); err != nil || bytes.Contains(b, bytes.TrimSpace(secret)) {
			t.Errorf("connection %d carried the credential in the clear (%v)", i, err)
		}
	}
}

func TestTheCredentialIsSeenNowhere(t *testing.T) {
	l := newLand(t)
	dst := filepath.Join(l.dir, "dst")
	code := l.invite("a")
	city := start(t, "join", code, "--to", dst, "--log-level", "debug", "--log-format", "json")
	arrives(t, filepath.Join(dst, "first"), "1", city, l.capitol)
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
		out, _ := run(t, args...)
		seen[strings.Join(args, " ")] = []byte(out)
	}
	seen["the capitol's log"], seen["the city's log"] = []byte(l.capitol.printed()), []byte(city.printed())
	for _, p := range []*process{l.capitol, city} {
		for _, name := range []string{"cmdline", "environ", "comm"} {
			path := fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
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
