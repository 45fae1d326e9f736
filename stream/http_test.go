package stream_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// ask is one request of a caller that follows nothing and keeps nothing.
func ask(t testing.TB, c *capitol, path string, head ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+c.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		if head[i] == "Host" {
			req.Host = head[i+1]
		}
		req.Header.Add(head[i], head[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func upgrade(more ...string) []string {
	return append([]string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", stream.Subprotocol}, more...)
}

func TestWhoIsHeard(t *testing.T) {
	open := newCapitol(t)
	locked := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "secret" })
	bearer := []string{"Authorization", "Bearer secret"}
	for name, row := range map[string]struct {
		c    *capitol
		path string
		head []string
		want int
	}{
		"health needs no token":         {locked, "/healthz", nil, 200},
		"trees need it":                 {locked, "/v1/trees", nil, 401},
		"digests need it":               {locked, "/v1/trees/src/digest", nil, 401},
		"a wrong token":                 {locked, "/v1/trees", []string{"Authorization", "Bearer secreT"}, 401},
		"a token's beginning":           {locked, "/v1/trees", []string{"Authorization", "Bearer secre"}, 401},
		"a token and more":              {locked, "/v1/trees", []string{"Authorization", "Bearer secret2"}, 401},
		"an empty token":                {locked, "/v1/trees", []string{"Authorization", "Bearer "}, 401},
		"a token without Bearer":        {locked, "/v1/trees", []string{"Authorization", "secret"}, 401},
		"the token":                     {locked, "/v1/trees", bearer, 200},
		"metrics need it":               {locked, "/metrics", nil, 401},
		"metrics":                       {locked, "/metrics", bearer, 200},
		"the stream needs it":           {locked, "/v1/trees/src/stream", upgrade(), 401},
		"the stream":                    {locked, "/v1/trees/src/stream", upgrade(bearer...), 101},
		"a browser with the token":      {locked, "/v1/trees/src/stream", upgrade(append(bearer, "Origin", "http://"+locked.addr)...), 403},
		"a browser without":             {open, "/v1/trees/src/stream", upgrade("Origin", "http://evil.example"), 403},
		"an empty Origin":               {open, "/v1/trees/src/stream", upgrade("Origin", ""), 403},
		"the null Origin":               {open, "/v1/trees/src/stream", upgrade("Origin", "null"), 403},
		"no websocket":                  {open, "/v1/trees/src/stream", nil, 426},
		"no subprotocol":                {open, "/v1/trees/src/stream", upgrade()[:8], 400},
		"another tree":                  {open, "/v1/trees/other/stream", upgrade(), 404},
		"another page":                  {open, "/v2", nil, 404},
		"a rebound name":                {open, "/v1/trees", []string{"Host", "evil.example"}, 403},
		"a rebound name with the token": {locked, "/v1/trees", append(bearer, "Host", "capitol.example"), 200},
		"localhost":                     {open, "/v1/trees", []string{"Host", "localhost:1"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if row.want == 101 {
				m := newCity(t, row.c.url, func(cfg *stream.ClientConfig) { cfg.Token = "secret" })
				m.run()
				m.inStep(row.c)
				return
			}
			status, body, _ := ask(t, row.c, row.path, row.head...)
			if status != row.want {
				t.Fatalf("got %d %s, want %d", status, body, row.want)
			}
			var r struct{ Error, Hint string }
			if status >= 400 && (json.Unmarshal([]byte(body), &r) != nil || r.Error == "") {
				t.Errorf("not an answer for people: %s", body)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("the answer repeats the token: %s", body)
			}
		})
	}
}

func TestHeadersWithoutEndAreNotRead(t *testing.T) {
	c := newCapitol(t)
	req, err := http.NewRequest(http.MethodGet, "http://"+c.addr+"/v1/trees", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("x", 1<<20))
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return // cut off while still sending
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestAWrongTokenOrTreeEndsRunWithAHint(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Token = "secret" })
	for name, row := range map[string]struct {
		url, token string
		status     int
	}{
		"no token":     {c.url, "", 401},
		"wrong token":  {c.url, "wrong", 401},
		"another tree": {strings.TrimSuffix(c.url, "src") + "other", "secret", 404},
	} {
		t.Run(name, func(t *testing.T) {
			m := newCity(t, row.url, func(cfg *stream.ClientConfig) { cfg.Token = row.token })
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var refused *stream.RefusedError
			if err := m.client.Run(ctx, m); !errors.As(err, &refused) || refused.Status != row.status || refused.Hint == "" {
				t.Errorf("got %#v, want a refusal with status %d and a hint", err, row.status)
			}
		})
	}
}

func TestExposure(t *testing.T) {
	for _, row := range []struct {
		addr, how string // c: closed, t: TLS, p: behind a proxy, i: insecure
		fine      bool
	}{
		{"127.0.0.1:1", "", true},
		{"127.8.8.8:1", "", true},
		{"[::1]:1", "", true},
		{"[::ffff:127.0.0.1]:1", "", true},
		{"localhost:1", "", true},
		{":49996", "", false},
		{"0.0.0.0:1", "", false},
		{"[::]:1", "", false},
		{"192.168.1.5:1", "", false},
		{"example.org:1", "", false},
		{":1", "c", false}, // credentials in the clear
		{":1", "t", false}, // everybody
		{":1", "ct", true},
		{":1", "i", true},
		{"127.0.0.1:1", "p", false}, // everybody that the proxy lets through
		{"127.0.0.1:1", "pc", true},
		{"10.1.2.3:1", "pc", true},
		{"[fd00::1]:1", "pc", true},
		{":1", "pc", false},
		{"192.0.2.1:1", "pci", false},
	} {
		e := stream.Exposure{Listen: row.addr, Closed: strings.Contains(row.how, "c"), TLS: strings.Contains(row.how, "t"),
			Proxy: strings.Contains(row.how, "p"), Insecure: strings.Contains(row.how, "i")}
		err := e.Check()
		if (err == nil) != row.fine {
			t.Errorf("%+v: got %v", e, err)
		}
		var hint *stream.HintError
		if err != nil && (!errors.As(err, &hint) || hint.Hint == "") {
			t.Errorf("%+v: no hint", e)
		}
	}
}

func TestURLs(t *testing.T) {
	for text, fine := range map[string]bool{
		"ws://127.0.0.1:1/src":      true,
		"http://127.0.0.1:1/src":    true,
		"wss://host/src":            true,
		"wss://host/behind/src/":    true,
		"ws://host:1/src":           false, // the token would travel in the clear
		"wss://host":                false,
		"wss://host/":               false,
		"wss://host/..":             false,
		"wss://user:secret@host/s":  false,
		"wss://host/src?token=x":    false,
		"ftp://host/src":            false,
		"src":                       false,
		"wss://host/a%00b":          false,
		"ws://[::1]:49996/src":      true,
		"ws://127.0.0.1.evil.org/s": false,
	} {
		_, err := stream.NewClient(stream.ClientConfig{URL: text, Token: "secret"})
		if (err == nil) != fine {
			t.Errorf("%s: got %v, want fine %v", text, err, fine)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows a secret: %v", text, err)
		}
	}
}

func TestEventsForPeople(t *testing.T) {
	c := newCapitol(t)
	c.write("plain", []byte("x"))
	c.write("a\xff\n\x1b[31m", []byte("y"))
	if _, err := c.j.Note(context.Background(), journal.Note{Kind: journal.Overflow, Text: "too fast"}); err != nil {
		t.Fatal(err)
	}
	c.remove("plain")
	status, body, head := ask(t, c, "/v1/trees/src/events")
	if status != 200 || head.Get("Content-Type") != "application/x-ndjson" || head.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("got %d %v", status, head)
	}
	lines := strings.Split(strings.TrimSpace(body), "\n")
	if len(lines) != 5 {
		t.Fatalf("got %d lines, want 5:\n%s", len(lines), body)
	}
	var odd stream.Event
	if err := json.Unmarshal([]byte(lines[2]), &odd); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(odd.PathRaw)
	if err != nil || string(raw) != "a\xff\n\x1b[31m" || odd.Path != `a\xff\n\x1b[31m` {
		t.Errorf("odd name: shown %q, raw %q", odd.Path, raw)
	}
	for i, want := range []string{"dir", "file", "file", "overflow", "gone"} {
		var e stream.Event
		if err := json.Unmarshal([]byte(lines[i]), &e); err != nil || e.What != want || e.Seq != uint64(i+1) {
			t.Errorf("line %d: got %+v (%v), want %s", i, e, err, want)
		}
	}
	if status, body, _ = ask(t, c, "/v1/trees/src/events?since=3"); status != 200 || strings.Count(body, "\n") != 2 {
		t.Errorf("since=3: %d %s", status, body)
	}
	if status, body, _ = ask(t, c, "/v1/trees/src/events?since=x"); status != 400 {
		t.Errorf("since=x: %d %s", status, body)
	}
}

func TestEventsFollow(t *testing.T) {
	c := newCapitol(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+"/v1/trees/src/events?since=now&follow=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 5 {
		c.write(fmt.Sprint("f", i), []byte("x"))
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		var e stream.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Path != fmt.Sprint("f", i) {
			t.Errorf("line %d: %s (%v)", i, lines.Bytes(), err)
		}
	}
	c.stop() // ends followers too, or the test would hang here
}

func TestEventsBeneathTheFloor(t *testing.T) {
	j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "j.db"), Role: journal.City})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	root := journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}
	pos := journal.Position{Epoch: journal.Epoch{1}, Seq: 100, Digest: journal.SumOf(&root).Digest}
	if err := j.Record(context.Background(), []journal.Entry{{Seq: 40, Change: journal.Change{Node: root}}}, pos); err != nil {
		t.Fatal(err)
	}
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Trees[0].Journal = j })
	status, body, _ := ask(t, c, "/v1/trees/src/events?since=3")
	var gone struct {
		Error, Hint string
		Floor       uint64
	}
	if err := json.Unmarshal([]byte(body), &gone); err != nil || status != http.StatusGone || gone.Floor != 100 {
		t.Errorf("got %d %s (%v)", status, body, err)
	}
}

func TestContentForPeople(t *testing.T) {
	c := newCapitol(t)
	c.mkdir("d")
	odd := c.write("d/\xff%", filled(100_000, 1))
	old := c.write("f", []byte("old"))
	c.write("f", []byte("new!"))
	c.write("gone", []byte("x"))
	c.remove("gone")
	lie := c.write("lie", []byte("journal"))
	c.mu.Lock()
	c.bytes[lie.ID] = []byte("disk!!!")
	c.mu.Unlock()
	base := "/v1/trees/src/content?"
	for name, row := range map[string]struct {
		query string
		head  []string
		want  int
		body  string
	}{
		"by path":              {"path=f", nil, 200, "new!"},
		"by odd path":          {"path=" + url.QueryEscape("d/\xff%"), []string{"Range", "bytes=99990-"}, 206, string(filled(100_000, 1)[99990:])},
		"a range":              {"path=f", []string{"Range", "bytes=1-2"}, 206, "ew"},
		"a range of no bytes":  {"path=f", []string{"Range", "bytes=9-"}, 416, ""},
		"by node":              {fmt.Sprintf("node=%d&digest=%v", odd.ID, odd.Body.Digest), []string{"Range", "bytes=0-0"}, 206, string(filled(1, 1))},
		"an older content":     {fmt.Sprintf("node=%d&digest=%v", old.ID, old.Body.Digest), nil, 409, ""},
		"the disk has another": {"path=lie", nil, 409, ""},
		"not there":            {"path=nothing", nil, 404, ""},
		"gone":                 {"path=gone", nil, 404, ""},
		"no such node":         {fmt.Sprintf("node=99999&digest=%v", old.Body.Digest), nil, 404, ""},
		"a directory":          {"path=d", nil, 400, ""},
		"to outside":           {"path=" + url.QueryEscape("../../etc/passwd"), nil, 400, ""},
		"to outside, hidden":   {"path=" + url.QueryEscape("d/../../x"), nil, 400, ""},
		"absolute":             {"path=/etc/passwd", nil, 400, ""},
		"with NUL":             {"path=f%00", nil, 400, ""},
		"nothing asked":        {"", nil, 400, ""},
		"half a digest":        {"node=2&digest=aa", nil, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, head := ask(t, c, base+row.query, row.head...)
			if status != row.want {
				t.Fatalf("got %d %s, want %d", status, body, row.want)
			}
			if row.body != "" && body != row.body {
				t.Errorf("got %q, want %q", body, row.body)
			}
			if head.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("no nosniff")
			}
		})
	}
}

func TestTreesAndMetrics(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("hello"))
	_, body, _ := ask(t, c, "/v1/trees")
	var trees []struct {
		Name, Epoch, Digest string
		Seq, Paths, Bytes   int64
	}
	if err := json.Unmarshal([]byte(body), &trees); err != nil || len(trees) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	pos := c.j.Position()
	if got := trees[0]; got.Name != "src" || got.Epoch != pos.Epoch.String() || got.Digest != pos.Digest.String() || got.Seq != 2 || got.Paths != 2 || got.Bytes != 5 {
		t.Errorf("got %+v, position %v", got, pos)
	}
}

func TestMetricsShowTreesAndCities(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Trees[0].Ready = make(chan struct{}) })
	c.write("f", []byte("hello"))
	first, second := newCity(t, c.url), newCity(t, c.url) // of the same name
	first.run()
	second.run()
	has := func(body string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(body, "\n"+line+"\n") {
				t.Errorf("no line %q in\n%s", line, body)
			}
		}
	}
	c.await("both", func() bool { return len(c.server.Cities()) == 2 })
	_, body, _ := ask(t, c, "/metrics")
	has(body, `hydrasync_journal_seq{tree="src"} 2`, `hydrasync_tree_paths{tree="src"} 2`, `hydrasync_tree_bytes{tree="src"} 5`,
		`hydrasync_tree_ready{tree="src"} 0`, `hydrasync_cities{tree="src"} 2`, "hydrasync_cities_joined_total 2", "hydrasync_requests_refused_total 0")
	c.await("both have it", func() bool {
		cities := c.server.Cities()
		return cities[0].Confirms && cities[1].Confirms && cities[0].Behind+cities[1].Behind == 0
	})
	_, body, _ = ask(t, c, "/metrics")
	has(body, `hydrasync_city_behind_entries{city="test",tree="src"} 0`)
}

// TestMetricsKeepTheirNames compares the page, without its values, with a file:
// people have dashboards and alerts on these names, labels and types.
func TestMetricsKeepTheirNames(t *testing.T) {
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := newCapitol(t)
	c.write("f", []byte("x"))
	city := newCity(t, c.url)
	city.run()
	city.inStep(c)
	_, body, head := ask(t, c, "/metrics")
	if got := head.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("Content-Type: got %q", got)
	}
	var got strings.Builder
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") {
			key, value, _ := strings.Cut(line, " ")
			if _, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			line = strings.ReplaceAll(key, runtime.Version(), "…") + "\n"
		}
		got.WriteString(line)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestServeEndsEverything(t *testing.T) {
	c := newCapitol(t)
	c.write("f", []byte("x"))
	for range 200 {
		m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.Retry.First, cfg.Retry.Most = time.Second, time.Second })
		m.run()
		defer m.inStep(c)
	}
	// goleak sees what stays when the cleanups are done.
}
