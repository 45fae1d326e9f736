package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gorilla/websocket"
)

// m is a frame's map; the keys are those of package stream's doc.go.
type m = map[uint64]any

var decoder = func() cbor.DecMode {
	d, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[m]()}.DecMode()
	if err != nil {
		panic(err)
	}
	return d
}()

const (
	fHello   = 1
	fWant    = 2
	fWelcome = 16
	fBatch   = 17
	fContent = 18
	fBeat    = 20
)

func frame(kind byte, v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append([]byte{kind, 0}, b...)
}

// liar stands between a real capitol and a city. It repeats what the capitol says
// word for word, but for one lie; after some connections it has enough of that.
type liar struct {
	t     *testing.T
	to    string // the capitol's address
	lie   lie
	told  atomic.Int64
	conns atomic.Int64
	srv   *httptest.Server
	wg    sync.WaitGroup
}

// lie may change a message of the capitol's: what it returns is sent instead, nil
// means that it has no objection. say sends something by itself.
type lie func(kind byte, v m, say func([]byte)) [][]byte

// lies is how many connections are lied to.
const lies = 2

func newLiar(t *testing.T, to string, lie lie) *liar {
	l := &liar{t: t, to: to, lie: lie}
	l.srv = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(func() { l.srv.CloseClientConnections(); l.srv.Close(); l.wg.Wait() })
	return l
}

func (l *liar) url() string { return "ws" + strings.TrimPrefix(l.srv.URL, "http") + "/t" }

func (l *liar) serve(w http.ResponseWriter, r *http.Request) {
	l.wg.Add(1)
	defer l.wg.Done()
	honest := l.conns.Add(1) > lies
	up := websocket.Upgrader{Subprotocols: []string{"hydrasync.v1"}}
	city, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer city.Close()
	d := websocket.Dialer{Subprotocols: []string{"hydrasync.v1"}}
	capitol, _, err := d.Dial("ws://"+l.to+r.URL.Path, nil)
	if err != nil {
		return
	}
	defer capitol.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer capitol.Close()
		l.fromCity(city, capitol)
	}()
	l.toCity(capitol, city, honest)
	city.Close()
	<-done
}

// fromCity keeps the capitol from packing its messages, so that they can be read.
func (l *liar) fromCity(city, capitol *websocket.Conn) {
	for {
		_, b, err := city.ReadMessage()
		if err != nil {
			return
		}
		if b[0] == fHello {
			v := m{}
			if decoder.Unmarshal(b[2:], &v) == nil {
				v[5] = [][]byte{[]byte("chunks"), []byte("a feature of the year 2030")}
				b = frame(fHello, v)
			}
		}
		if capitol.WriteMessage(websocket.BinaryMessage, b) != nil {
			return
		}
	}
}

func (l *liar) toCity(capitol, city *websocket.Conn, honest bool) {
	say := func(b []byte) { city.WriteMessage(websocket.BinaryMessage, b) }
	for {
		_, b, err := capitol.ReadMessage()
		if err != nil {
			return
		}
		messages := [][]byte{b}
		if v := (m{}); !honest && decoder.Unmarshal(b[2:], &v) == nil {
			if other := l.lie(b[0], v, say); other != nil {
				l.told.Add(1)
				messages = other
			}
		}
		for _, b := range messages {
			if city.WriteMessage(websocket.BinaryMessage, b) != nil {
				return
			}
		}
	}
}

// process is a running hydrasync with what it prints.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
	end chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.end) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.end })
	return p
}

// peak is the largest resident memory so far, in MiB.
func (p *process) peak() int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(text)[0])
			return kib >> 10
		}
	}
	return 0
}

func eventually(t *testing.T, what string, p *process, good func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * patience); !good(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			out := p.printed()
			t.Fatalf("it does not come true that %s; printed:\n%s", what, out[max(0, len(out)-3000):])
		}
	}
}

// publish starts a capitol with a small tree and waits until it serves.
func publish(t *testing.T) (src, addr string) {
	t.Helper()
	dir := t.TempDir()
	src = filepath.Join(dir, "src")
	for i := range 12 {
		mustWrite(t, filepath.Join(src, "d", fmt.Sprint("f", i)), bytes.Repeat([]byte{byte('a' + i)}, 100))
	}
	mustWrite(t, filepath.Join(src, "large"), bytes.Repeat([]byte("0123456789abcdef"), 20_000))
	if err := os.Symlink("d/f1", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	p := start(t, "capitol", "--tree", "t="+src, "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, "state"), "--log-format", "json")
	eventually(t, "the capitol serves", p, func() bool {
		_, rest, ok := strings.Cut(p.printed(), `"listen":"`)
		addr, _, _ = strings.Cut(rest, `"`)
		return ok
	})
	return src, addr
}

// firstNode of a batch that is of that kind; nil if there is none.
func firstNode(v m, kind uint64) m {
	entries, _ := v[1].([]any)
	for _, e := range entries {
		if n, ok := e.(m)[4].(m); ok && n[4] == kind && n[1] != uint64(1) {
			return n
		}
	}
	return nil
}

// inNode is the lie about one node of that kind.
func inNode(kind uint64, change func(n m)) lie {
	return func(k byte, v m, _ func([]byte)) [][]byte {
		n := firstNode(v, kind)
		if k != fBatch || n == nil {
			return nil
		}
		change(n)
		return [][]byte{frame(k, v)}
	}
}

func inFrame(kind byte, change func(v m)) lie {
	return func(k byte, v m, _ func([]byte)) [][]byte {
		if k != kind {
			return nil
		}
		change(v)
		return [][]byte{frame(k, v)}
	}
}

func alsoEntry(entry m) lie {
	return inFrame(fBatch, func(v m) {
		entries, _ := v[1].([]any)
		v[1] = append(entries, entry)
	})
}

func set(key uint64, value any) func(m) { return func(v m) { v[key] = value } }

const (
	file = uint64(1)
	dir  = uint64(2)
)

// catalogue of lies; %CANARY% is where a city must not reach.
func catalogue(canary string) map[string]lie {
	all := map[string]lie{
		"a child of a link to the outside": inFrame(fBatch, func(v m) {
			entries, _ := v[1].([]any)
			v[1] = append(entries,
				m{1: 1, 4: m{1: 900, 2: 1, 3: []byte("out"), 4: 3, 5: 0o777, 13: []byte(canary)}},
				m{1: 1, 4: m{1: 901, 2: 900, 3: []byte("through"), 4: 2, 5: 0o755}})
		}),
		"a directory that is a link in the next batch": func(k byte, v m, _ func([]byte)) [][]byte {
			n := firstNode(v, dir)
			if k != fBatch || n == nil {
				return nil
			}
			link := m{1: []any{m{1: 1 << 40, 4: m{1: n[1], 2: 1, 3: n[3], 4: 3, 5: 0o777, 13: []byte(canary)}}}, 4: v[4]}
			child := m{1: []any{m{1: 1<<40 + 1, 4: m{1: 901, 2: n[1], 3: []byte("through"), 4: 2, 5: 0o755}}}, 4: v[4]}
			return [][]byte{frame(k, v), frame(k, link), frame(k, child)}
		},
		"its own parent":            inNode(dir, func(n m) { n[2] = n[1] }),
		"a parent of nobody":        inNode(file, set(2, 1<<40)),
		"an id beyond all":          inNode(file, set(1, uint64(1)<<62)),
		"no id":                     inNode(file, set(1, 0)),
		"a device":                  inNode(file, set(4, 5)),
		"a type in the mode":        inNode(file, set(5, 0o60644)),
		"a set-id program":          inNode(file, set(5, 0o4755)),
		"a negative size":           inNode(file, set(11, -1)),
		"a size of 8 EiB":           inNode(file, set(11, int64(1<<63-1))),
		"a size of 1 TiB":           inNode(file, set(11, int64(1)<<40)),
		"a digest that lies":        inNode(file, set(12, bytes.Repeat([]byte{7}, 32))),
		"a digest cut short":        inNode(file, set(12, []byte{1, 2, 3})),
		"the root goes":             alsoEntry(m{1: 1, 5: 1}),
		"a circle":                  alsoEntry(m{1: 1, 4: m{1: 900, 2: 901, 3: []byte("x"), 4: 2, 5: 0o755}}),
		"a node twice":              inFrame(fBatch, func(v m) { e, _ := v[1].([]any); v[1] = append(e, e...) }),
		"text for a name":           inNode(file, func(n m) { n[3] = "text" }),
		"attributes of the machine": inNode(file, set(15, []any{[]any{[]byte("security.evil"), []byte("x")}, []any{[]byte("trusted.evil"), []byte("x")}})),
		"a position of nobody":      inFrame(fBatch, func(v m) { v[3] = m{1: bytes.Repeat([]byte{9}, 16), 2: 7, 3: make([]byte, 32)} }),
		"a welcome of version 9":    inFrame(fWelcome, set(1, 9)),
		"features of the future":    inFrame(fWelcome, set(7, [][]byte{[]byte("chunks"), []byte("teleport")})),
		"a resume without a past":   inFrame(fWelcome, set(2, 1)),
		"no heartbeat":              inFrame(fWelcome, set(8, 0)),
		"a digest of another tree":  inFrame(fBeat, set(2, bytes.Repeat([]byte{3}, 32))),
		"content of another file":   inFrame(fContent, func(v m) { clear(v[4].([]byte)) }),
		"content out of order":      inFrame(fContent, set(2, 77)),
		"content after its end":     inFrame(fContent, func(v m) { v[4] = append(v[4].([]byte), "more"...) }),
		"content that ends early":   inFrame(fContent, set(3, true)),
		"an unknown frame":          func(byte, m, func([]byte)) [][]byte { return [][]byte{frame(99, m{})} },
		"a message of nothing":      func(byte, m, func([]byte)) [][]byte { return [][]byte{{}} },
		"a packed bomb": func(k byte, v m, _ func([]byte)) [][]byte {
			if k != fBatch {
				return nil
			}
			return [][]byte{bomb(k)}
		},
		"keys of the future": inFrame(fBatch, set(4000, "which a city of today does not know")),
	}
	for _, name := range []string{"..", ".", "", "a/b", "../../canary/x", "/etc/x", "nul\x00", ".hydrasync", strings.Repeat("n", 256), "\x1b[2Jclear"} {
		all[fmt.Sprintf("the name %.20q", name)] = inNode(dir, set(3, []byte(name)))
	}
	return all
}

// bomb is a zstd frame of some bytes that says to hold 1 MiB, in blocks of one repeated byte
// that make 16 GiB of it. See RFC 8878, 3.1.1.
func bomb(kind byte) []byte {
	b := []byte{kind, 1, 0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58, 0, 0, 0x10, 0} // a window of 2 MiB, 1 MiB announced
	for range 131_072 {
		b = append(b, 0x02, 0, 0x10, 0) // an RLE block of 128 KiB, not the last
	}
	return append(b, 0x03, 0, 0x10, 0)
}

// TestCampaignLyingCapitol tells each lie of the catalogue to a city of its own, until the
// city has hung up or taken it. Nothing outside of its root changes, memory stays small, its log
// is clean, and when the lies end a city that is started again becomes equal.
func TestCampaignLyingCapitol(t *testing.T) {
	t.Parallel()
	src, addr := publish(t)
	base := t.TempDir()
	canary := filepath.Join(base, "canary")
	mustWrite(t, filepath.Join(canary, "x"), []byte("outside"))
	before := tree(t, canary)
	want := tree(t, src)
	names := make(chan struct{}, 2) // so many cities at once
	every := size(5, 1, 1)
	count := 0
	t.Run("lies", func(t *testing.T) {
		for name, lie := range catalogue(canary) {
			if count++; count%every != 0 {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				names <- struct{}{}
				defer func() { <-names }()
				lieTo(t, addr, want, lie)
			})
		}
	})
	if diff := differences(before, tree(t, canary), "", nil); len(diff) > 0 {
		t.Errorf("outside of every city: %v", diff)
	}
	t.Logf("campaign lies: %d of %d lies told to a city each", count/every, count)
}

func lieTo(t *testing.T, addr string, want map[string]string, lie lie) {
	dst := filepath.Join(t.TempDir(), "dst")
	mustWrite(t, filepath.Join(dst, foreignName), []byte(foreignBody))
	l := newLiar(t, addr, lie)
	p := start(t, "city", "--from", l.url(), "--to", dst, "--log-format", "json", "--log-level", "debug")
	eventually(t, "the lie is told", p, func() bool { return l.told.Load() > 0 })
	time.Sleep(200 * time.Millisecond) // what the lie brings about takes its time; no verdict depends on it
	verdict := func(p *process) {
		t.Helper()
		if mib := p.peak(); mib > 150 {
			t.Errorf("the city took %d MiB", mib)
		}
		if out := p.printed(); panicked(out) || !clean(out) {
			t.Errorf("printed:\n%q", out)
		}
	}
	verdict(p)
	p.cmd.Process.Kill()
	<-p.end
	l.conns.Add(lies)
	p = start(t, p.cmd.Args[1:]...)
	eventually(t, "the city is equal when nobody lies any more", p, func() bool {
		got := tree(t, dst)
		return len(differences(want, got, foreignName, nil)) == 0
	})
	if got := tree(t, dst)[foreignName]; !strings.HasSuffix(got, foreignBody) {
		t.Errorf("the stranger's file is now %q", got)
	}
	verdict(p)
}

// clean says that a text can be shown on any terminal: no control characters, and
// none that turn the direction of writing.
func clean(text string) bool {
	for _, r := range text {
		switch {
		case r == '\n':
		case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xfffd, r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return false
		}
	}
	return true
}
