package stream_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// gate lets in whose credentials it was given.
type gate struct {
	mu     sync.Mutex
	passes map[string]*stream.Pass
	ends   map[string]func()
	code   string // good once
	broken error
}

func (g *gate) Admit(_ context.Context, credential string) (*stream.Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.passes[credential]; p != nil || g.broken != nil {
		return p, g.broken
	}
	return nil, &stream.UnfitError{City: "mallory\x1b[2J", Reason: "unknown credential"}
}

func (g *gate) Join(_ context.Context, code, _ string) (stream.Joined, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if code != g.code {
		return stream.Joined{}, &stream.UnfitError{City: "late", Reason: "expired join code"}
	}
	g.code = ""
	return stream.Joined{City: "a", Credential: credentialOf("a"), Node: "n"}, nil
}

func (g *gate) admit(city string, grants ...ledger.Grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passes[credentialOf(city)], g.ends[city] = stream.NewPass(city, grants)
}

func (g *gate) revoke(city string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.passes, credentialOf(city))
	g.ends[city]()
}

func credentialOf(city string) string { return "hsc_of-" + city }

func bearer(city string) []string {
	return []string{"Authorization", "Bearer " + credentialOf(city)}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newGated has trees src and other; cities: all (everything), docs (src/docs, and nothing of other).
func newGated(t *testing.T) (*capitol, *gate, *lines) {
	t.Helper()
	g := &gate{passes: map[string]*stream.Pass{}, ends: map[string]func(){}}
	g.admit("all", ledger.Everything()...)
	g.admit("docs", ledger.Grant{Tree: "src", SubDirs: []string{"docs"}})
	g.admit("none", ledger.Grant{Tree: "elsewhere"})
	log := &lines{}
	c := newCapitol(t, func(cfg *stream.ServerConfig) {
		other := cfg.Trees[0]
		other.Name = "other"
		cfg.Trees = append(cfg.Trees, other)
		cfg.Gate, cfg.Log = g, zerolog.New(log)
	})
	c.mkdir("docs")
	c.mkdir("secret")
	return c, g, log
}

func TestAPassLimitsEveryPage(t *testing.T) {
	c, _, _ := newGated(t)
	open := c.write("docs/open", []byte("open text"))
	hidden := c.write("secret/hidden", []byte("hidden text"))
	c.write("docsx", []byte("hidden text too"))
	byNode := func(n journal.Node) string {
		return fmt.Sprintf("/v1/trees/src/content?node=%d&digest=%s", n.ID, n.Body.Digest)
	}
	for name, row := range map[string]struct {
		city, path string
		status     int
		has        string // in the answer
		lacks      string
	}{
		"trees of all":               {"all", "/v1/trees", 200, `"other"`, ""},
		"trees of docs":              {"docs", "/v1/trees", 200, `"sub_dirs":["docs"]`, "other"},
		"totals are of what is hers": {"docs", "/v1/trees", 200, `"paths":3,"bytes":9`, ""},
		"trees of none":              {"none", "/v1/trees", 200, "[]", "src"},
		"another tree":               {"docs", "/v1/trees/other/events", 404, "no tree named", ""},
		"no tree at all":             {"none", "/v1/trees/src/events", 404, "no tree named", ""},
		"the digest of all":          {"all", "/v1/trees/src/digest", 200, "digest", ""},
		"the digest of too much":     {"docs", "/v1/trees/src/digest", 403, "granted: docs", "epoch"},
		"the digest of a neighbour":  {"docs", "/v1/trees/src/digest?sub_dir=secret", 403, "granted: docs", "epoch"},
		"the digest of hers":         {"docs", "/v1/trees/src/digest?sub_dir=docs", 200, "epoch", ""},
		"the digest of part of it":   {"docs", "/v1/trees/src/digest?sub_dir=docs/en", 200, "missing", ""},
		"content by path":            {"docs", "/v1/trees/src/content?path=docs/open", 200, "open text", ""},
		"content by node":            {"docs", byNode(open), 200, "open text", ""},
		"hidden content by path":     {"docs", "/v1/trees/src/content?path=secret/hidden", 404, "no such file", "hidden text"},
		"hidden content by node":     {"docs", byNode(hidden), 404, "no such file", "hidden text"},
		"hidden by a common start":   {"docs", "/v1/trees/src/content?path=docsx", 404, "no such file", "hidden text"},
		"a hidden directory":         {"docs", "/v1/trees/src/content?path=secret", 404, "no such file", ""},
		"what is not there":          {"docs", "/v1/trees/src/content?path=nothing", 404, "no such file", ""},
		"hidden content for all":     {"all", byNode(hidden), 200, "hidden text", ""},
		"events":                     {"docs", "/v1/trees/src/events", 200, "docs/open", "hidden"},
		"names in events":            {"docs", "/v1/trees/src/events", 200, "docs/open", "docsx"},
		"metrics":                    {"all", "/metrics", 403, "not for cities", "hydrasync_"},
		"a websocket":                {"none", "/v1/trees/src/stream", 404, "no tree named", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := ask(t, c, row.path, bearer(row.city)...)
			if status != row.status || !strings.Contains(body, row.has) || row.lacks != "" && strings.Contains(body, row.lacks) {
				t.Errorf("got %d %s, want %d with %q, without %q", status, body, row.status, row.has, row.lacks)
			}
		})
	}
}

func TestAHelloForMoreThanIsGrantedIsRefusedForGood(t *testing.T) {
	c, _, log := newGated(t)
	for name, row := range map[string]struct {
		city, as string
		dirs     []string
		want     string
	}{
		"the whole tree":           {"docs", "", nil, "not granted: the whole tree of tree src; granted: docs"},
		"a neighbour":              {"docs", "", []string{"docs/en", "secret"}, "not granted: sub_dirs docs/en, secret of tree src; granted: docs"},
		"a common start":           {"docs", "", []string{"docsx"}, "granted: docs"},
		"with another's name":      {"all", "docs", nil, "this is the credential of all, not of docs"},
		"for somebody else's tree": {"none", "", nil, "no tree named src"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
				cfg.Token, cfg.As, cfg.SubDirs = credentialOf(row.city), row.as, row.dirs
			})
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var refused *stream.RefusedError
			if err := m.client.Run(ctx, m); !errors.As(err, &refused) || !strings.Contains(refused.Text, row.want) || refused.Hint == "" {
				t.Errorf("got %v, want a refusal with %q and a hint", err, row.want)
			}
			if len(m.nodes) > 0 {
				t.Errorf("it was told %v", m.nodes)
			}
			if row.city != "none" && !strings.Contains(log.String(), row.want) {
				t.Errorf("the log does not say so:\n%s", log)
			}
		})
	}
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.Token, cfg.As, cfg.SubDirs = credentialOf("docs"), "docs", []string{"docs"}
	})
	m.run()
	m.inStep(c)
	if got := c.server.Cities(); len(got) != 1 || got[0].Name != "docs" || got[0].Calls != "test" {
		t.Errorf("cities: %+v", got)
	}
}

func TestContentOutsideThePassIsNotSent(t *testing.T) {
	c, _, _ := newGated(t)
	hidden := c.write("secret/hidden", filled(100<<10, 1))
	open := c.write("docs/open", filled(100<<10, 2))
	d := websocket.Dialer{Subprotocols: []string{stream.Subprotocol}}
	ws, _, err := d.Dial("ws://"+c.addr+"/v1/trees/src/stream", http.Header{"Authorization": {"Bearer " + credentialOf("docs")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	r := &rawCity{t, ws}
	r.send(frame(t, 1, m{1: []uint64{1}, 2: []byte("src"), 3: m{}, 4: [][]byte{[]byte("docs")}, 9: 1000}))
	if r.until(20) == nil {
		t.Fatal("no heartbeat after the hello")
	}
	for request, n := range []journal.Node{hidden, open} {
		r.send(frame(t, 2, m{1: request + 1, 2: int64(n.ID), 3: n.Body.Digest[:], 6: 10}))
		want := []byte{19, 18}[request]
		if got := r.until(18, 19); got == nil || got[0] != want {
			t.Errorf("request %d: got %q, want frame %d", request+1, got, want)
		}
	}
}

func TestAFileInPlaceOfADirectoryOnTheWayKeepsItsContent(t *testing.T) {
	c, g, _ := newGated(t)
	g.admit("deep", ledger.Grant{Tree: "src", SubDirs: []string{"way/in"}})
	var seen sync.Map
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) {
		cfg.Token, cfg.SubDirs = credentialOf("deep"), []string{"way/in"}
	})
	m.hook = func(b stream.Batch) error {
		for id, in := range b.Bodies {
			seen.Store(id, string(in.Bytes))
		}
		return nil
	}
	m.run()
	m.await("a first agreement", func() bool { return !m.agreed.IsZero() })
	n := c.write("way", []byte("not hers"))
	m.await("the node", func() bool { _, ok := m.nodes[n.ID]; return ok })
	if got, ok := seen.Load(n.ID); ok {
		t.Errorf("got %q unasked", got)
	}
	if got := m.bytes[n.ID]; len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestARevokedCityIsCutOff(t *testing.T) {
	c, g, log := newGated(t)
	c.write("f", filled(1<<20, 1))
	m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Token = credentialOf("all") })
	done := make(chan error, 1)
	go func() { done <- m.client.Run(context.Background(), m) }()
	m.inStep(c)
	events := follow(t, c, "/v1/trees/src/events?follow=1", "all")
	g.revoke("all")
	began := time.Now()
	select {
	case err := <-done:
		var refused *stream.RefusedError
		if !errors.As(err, &refused) || refused.Status != 401 {
			t.Errorf("the city ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the city goes on")
	}
	if _, err := io.Copy(io.Discard, events); err == nil {
		t.Log("the events ended in order")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if !strings.Contains(log.String(), `"reason":"unknown credential"`) {
		t.Errorf("the log does not say why:\n%s", log)
	}
	c.await("nobody is listed", func() bool { return len(c.server.Cities()) == 0 })
}

// A caller that reads nothing is stuck in the capitol's writes when its pass ends.
func TestACallerThatReadsNothingIsCutOffToo(t *testing.T) {
	c, g, _ := newGated(t)
	c.write("big", filled(64<<20, 1))
	body := follow(t, c, "/v1/trees/src/content?path=big", "all")
	g.revoke("all")
	n, err := io.Copy(io.Discard, body)
	if err == nil || n >= 64<<20 {
		t.Errorf("got %d bytes, %v: all of it", n, err)
	}
}

// follow begins to read a page without end.
func follow(t *testing.T, c *capitol, path, city string) io.Reader {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+c.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credentialOf(city))
	tr := &http.Transport{}
	resp, err := tr.RoundTrip(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %v, %v", path, resp, err)
	}
	t.Cleanup(func() { resp.Body.Close(); tr.CloseIdleConnections() })
	return resp.Body
}

func TestFailedAttemptsAreSlowedDownAndRightOnesAreNot(t *testing.T) {
	c, g, log := newGated(t)
	g.code = "right"
	wrong := bearer("x")
	statuses := map[int]int{}
	for range 50 {
		status, body, head := ask(t, c, "/v1/trees", wrong...)
		statuses[status]++
		if wait := head.Get("Retry-After"); (status == 429) != (wait != "") {
			t.Errorf("%d with Retry-After %q", status, wait)
		}
		if strings.Contains(body, "unknown") || strings.Contains(body, "mallory") {
			t.Errorf("the answer says why: %s", body)
		}
		if status, body, _ := ask(t, c, "/v1/trees", bearer("docs")...); status != 200 {
			t.Fatalf("a right credential got %d %s", status, body)
		}
	}
	if statuses[401] < 5 || statuses[401] > 20 || statuses[429] < 30 || len(statuses) != 2 {
		t.Errorf("got %v", statuses)
	}
	said := log.String()
	if n := strings.Count(said, `"message":"refused"`); n != statuses[401] {
		t.Errorf("%d lines for %d refusals", n, statuses[401])
	}
	if !strings.Contains(said, `"remote":"127.0.0.1"`) || !strings.Contains(said, `"city":"mallory\\x1b`) || strings.Contains(said, credentialOf("x")) {
		t.Errorf("the log: %s", said)
	}
	if status, body := post(t, c, "right"); status != 200 || !strings.Contains(body, credentialOf("a")) {
		t.Errorf("a right code got %d %s", status, body)
	}
}

func post(t *testing.T, c *capitol, code string, head ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+c.addr+"/v1/join", strings.NewReader(fmt.Sprintf(`{"code":%q}`, code)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestJoiningAnswersWithACredentialAndWhatItReaches(t *testing.T) {
	c, g, log := newGated(t)
	g.admit("a", ledger.Grant{Tree: "src", SubDirs: []string{"docs", "b\xff"}}, ledger.Grant{Tree: "gone"})
	g.code = "right"
	if status, body := post(t, c, "right", "Origin", "https://evil.example"); status != 404 {
		t.Errorf("a browser got %d %s", status, body)
	}
	if status, body := post(t, c, "wrong"); status != 403 || strings.Contains(body, "late") {
		t.Errorf("a wrong code got %d %s", status, body)
	}
	if !strings.Contains(log.String(), `"reason":"expired join code","city":"late"`) {
		t.Errorf("the log does not say why: %s", log)
	}
	status, body := post(t, c, "right")
	var got stream.Joined
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	if got.City != "a" || got.Credential != credentialOf("a") || len(got.Trees) != 1 || string(got.Trees[0].Name) != "src" || string(got.Trees[0].SubDirs[1]) != "b\xff" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(log.String(), got.Credential) || strings.Contains(log.String(), base64.StdEncoding.EncodeToString([]byte(got.Credential))) {
		t.Error("the log has the credential")
	}
	if status, _ := post(t, c, "right"); status != 403 {
		t.Errorf("the second time: %d", status)
	}
}

func TestABrokenGateLetsNobodyIn(t *testing.T) {
	c, g, _ := newGated(t)
	g.broken = errors.New("disk I/O error")
	status, body, _ := ask(t, c, "/v1/trees", bearer("x")...)
	if status != 503 || strings.Contains(body, "disk") {
		t.Errorf("got %d %s", status, body)
	}
}

func TestAnOpenCapitolStillKnowsItsCities(t *testing.T) {
	g := &gate{passes: map[string]*stream.Pass{}, ends: map[string]func(){}}
	g.admit("docs", ledger.Grant{Tree: "src", SubDirs: []string{"docs"}})
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Gate, cfg.Open = g, true })
	for name, row := range map[string]struct {
		head   []string
		status int
	}{
		"nobody":              {nil, 200},
		"some token":          {[]string{"Authorization", "Bearer of-another-capitol"}, 200},
		"a city":              {bearer("docs"), 403},
		"a revoked city":      {bearer("x"), 401},
		"nobody by some name": {[]string{"Host", "evil.example"}, 403},
	} {
		if status, body, _ := ask(t, c, "/v1/trees/src/digest", row.head...); status != row.status {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
}

func TestWhoCallsBehindAProxy(t *testing.T) {
	log := &lines{}
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token, cfg.Proxy, cfg.Log = "secret", true, zerolog.New(log) })
	for range 12 { // each of the callers has his own allowance
		for _, from := range []string{"192.0.2.1", "192.0.2.2"} {
			ask(t, c, "/v1/trees", "X-Forwarded-For", "198.51.100.9, "+from)
		}
	}
	said := log.String()
	if !strings.Contains(said, `"remote":"192.0.2.1"`) || !strings.Contains(said, `"remote":"192.0.2.2"`) || strings.Contains(said, "198.51") {
		t.Errorf("the log: %s", said)
	}
	if n := strings.Count(said, `"message":"refused"`); n < 18 {
		t.Errorf("%d were refused in words", n)
	}
	direct := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token, cfg.Log = "secret", zerolog.New(log) })
	ask(t, direct, "/v1/trees", "X-Forwarded-For", "203.0.113.7")
	if strings.Contains(log.String(), "203.0.113.7") {
		t.Error("a caller chooses his own address")
	}
}
