package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gorilla/websocket"

	"github.com/hydrasync/hydrasync/stream"
)

// m is a frame's map, written without this package's help: the tests speak
// the wire as doc.go describes it.
type m map[uint64]any

func frame(t testing.TB, kind byte, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{kind, 0}, b...)
}

func parse(t testing.TB, message []byte) m {
	t.Helper()
	v := m{}
	if err := cbor.Unmarshal(message[2:], &v); err != nil {
		t.Fatalf("frame %d: %v", message[0], err)
	}
	return v
}

func hello() m {
	return m{1: []uint64{1}, 2: []byte("src"), 3: m{}, 9: 1000}
}

// rawCity is a websocket whose every byte the test chooses.
type rawCity struct {
	t  testing.TB
	ws *websocket.Conn
}

func dialRaw(t testing.TB, c *capitol) *rawCity {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{stream.Subprotocol}}
	ws, resp, err := d.Dial(c.url[:len(c.url)-len("/src")]+"/v1/trees/src/stream", nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &rawCity{t, ws}
}

func (r *rawCity) send(message []byte) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.BinaryMessage, message); err != nil {
		r.t.Logf("send: %v", err)
	}
}

// until reads to the next frame of a kind; nil when the connection ended.
func (r *rawCity) until(kinds ...byte) []byte {
	for {
		_, message, err := r.ws.ReadMessage()
		if err != nil {
			return nil
		}
		if bytes.IndexByte(kinds, message[0]) >= 0 {
			return message
		}
	}
}

func TestAHostileCityIsToldAndLeft(t *testing.T) {
	c := newCapitol(t)
	dir := c.mkdir("d")
	file := c.write("f", filled(3<<20, 1))
	digest := file.Body.Digest[:]
	want := func(v m) []byte {
		for k, d := range m(m{1: 1, 2: int64(file.ID), 3: digest, 6: 100}) {
			if _, ok := v[k]; !ok {
				v[k] = d
			}
		}
		return frame(t, 2, v)
	}
	for name, row := range map[string]struct {
		send [][]byte
		code uint64 // of the error frame; 0: the answer is "moved"
	}{
		"an unknown frame":         {[][]byte{frame(t, 99, m{})}, 1},
		"a capitol's frame":        {[][]byte{frame(t, 17, m{})}, 1},
		"a second hello":           {[][]byte{frame(t, 1, hello())}, 1},
		"no CBOR":                  {[][]byte{{2, 0, 0xff, 0xff}}, 1},
		"an empty message":         {[][]byte{{}}, 1},
		"a giant array":            {[][]byte{{2, 0, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, 1},
		"deep nesting":             {[][]byte{append([]byte{2, 0}, bytes.Repeat([]byte{0x81}, 5000)...)}, 1},
		"a want of nothing":        {[][]byte{want(m{6: 0})}, 1},
		"a want of too much":       {[][]byte{want(m{6: 5 << 20})}, 1},
		"a want before byte 0":     {[][]byte{want(m{5: -1})}, 1},
		"a want that overflows":    {[][]byte{want(m{5: int64(1<<63 - 1)})}, 1},
		"a want without a number":  {[][]byte{want(m{1: 0})}, 1},
		"a want with half a hash":  {[][]byte{want(m{3: digest[:16]})}, 1},
		"wants without end":        {repeat(200, func(i int) []byte { return want(m{1: i + 1, 6: 1 << 20}) }), 4},
		"a want twice":             {[][]byte{want(m{6: 1 << 20}), want(m{6: 1 << 20})}, 1},
		"a pulse from the future":  {[][]byte{pulse(t, c, 1<<40)}, 1},
		"credit for nothing":       {[][]byte{frame(t, 5, m{1: int64(1) << 40})}, 1},
		"credit that shrinks":      {[][]byte{frame(t, 5, m{1: -5})}, 1},
		"a want for no node":       {[][]byte{want(m{2: 999999})}, 0},
		"a want for a directory":   {[][]byte{want(m{2: int64(dir), 3: make([]byte, 32)})}, 0},
		"a want for other content": {[][]byte{want(m{3: make([]byte, 32)})}, 0},
		"a want beyond the end":    {[][]byte{want(m{5: 3<<20 - 50})}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, c)
			r.send(frame(t, 1, hello()))
			if r.until(20) == nil {
				t.Fatal("no heartbeat after the hello")
			}
			for _, message := range row.send {
				r.send(message)
			}
			kind := byte(21)
			if row.code == 0 {
				kind = 19
			}
			got := r.until(kind)
			if got == nil {
				t.Fatalf("the connection ended without frame %d", kind)
			}
			if v := parse(t, got); row.code != 0 && v[1] != row.code {
				t.Errorf("error: got %v, want code %d", v, row.code)
			}
		})
	}
	m := newCity(t, c.url)
	m.run()
	m.inStep(c)
}

func TestALargeMessageFromACityEndsItsConnection(t *testing.T) {
	c := newCapitol(t)
	r := dialRaw(t, c)
	r.send(frame(t, 1, hello()))
	if r.until(20) == nil {
		t.Fatal("no heartbeat after the hello")
	}
	r.send(frame(t, 2, m{1: 1, 9: make([]byte, 70<<10)}))
	// The error frame may be lost: the rest of the message resets the socket.
	if got := r.until(21); got != nil && parse(t, got)[1] != uint64(1) {
		t.Errorf("got %v", got)
	}
}

func repeat(n int, make func(int) []byte) (all [][]byte) {
	for i := range n {
		all = append(all, make(i))
	}
	return all
}

func pulse(t testing.TB, c *capitol, seq uint64) []byte {
	pos := c.j.Position()
	return frame(t, 4, m{1: m{1: pos.Epoch[:], 2: seq, 3: pos.Digest[:]}})
}

func TestAHelloThatDoesNotFitIsAnsweredForGood(t *testing.T) {
	c := newCapitol(t)
	for name, row := range map[string]struct {
		hello m
		code  uint64
		final bool
	}{
		"another tree":      {m{1: []uint64{1}, 2: []byte("other"), 3: m{}}, 3, true},
		"another version":   {m{1: []uint64{7, 9}, 2: []byte("src"), 3: m{}}, 2, true},
		"sub_dirs with ..":  {m{1: []uint64{1}, 2: []byte("src"), 3: m{}, 4: [][]byte{[]byte("../x")}}, 1, false},
		"a name as text":    {m{1: []uint64{1}, 2: "src", 3: m{}}, 1, false},
		"a negative window": {m{1: []uint64{1}, 2: []byte("src"), 3: m{}, 10: -1}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, c)
			r.send(frame(t, 1, row.hello))
			got := r.until(16, 21)
			if got == nil || got[0] != 21 {
				t.Fatalf("got %v, want an error frame", got)
			}
			v := parse(t, got)
			if final, _ := v[3].(bool); v[1] != row.code || final != row.final {
				t.Errorf("got %v, want code %d, permanent %v", v, row.code, row.final)
			}
		})
	}
}

func TestCitiesThatStopReadingCostNoMemoryAndHurtNobody(t *testing.T) {
	// Who is stuck is not ended while the test goes on: it is to cost nothing as long as it lives.
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Heartbeat = time.Minute })
	c.write("f", []byte("x"))
	var stuck []*rawCity
	for range 50 {
		r := dialRaw(t, c)
		v := hello()
		v[9], v[10] = time.Minute.Milliseconds(), int64(stream.MaxWindow)
		r.send(frame(t, 1, v))
		if r.until(20) == nil {
			t.Fatal("no heartbeat")
		}
		stuck = append(stuck, r) // never read again
	}
	m := newCity(t, c.url)
	m.run()
	m.inStep(c)
	before := heap()
	const files, size = 300, 60 << 10
	for i := range files { // different ones: of one file only the newest state would be told
		c.write(fmt.Sprint("f", i), filled(size, byte(i)))
	}
	m.inStep(c)
	// What the test itself holds, twice over, and a message for each city that is stuck in it.
	if grown := int64(heap()) - int64(before); grown > 2*files*size+int64(len(stuck))*stream.MaxFrame {
		t.Errorf("memory grew by %d MiB with %d cities that do not read", grown>>20, len(stuck))
	}
	for _, r := range stuck {
		r.ws.Close()
	}
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func TestStrangersWhoSayNothingAreSentAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the handshake's 10 s")
	}
	t.Parallel()
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Strangers = 4 })
	ends := make(chan error, 3)
	open := func(say string) {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, say)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		go func() { _, err := io.Copy(io.Discard, conn); ends <- err }()
	}
	open("")
	open("GET /v1/trees HTTP/1.1\r\nHost: a")
	r := dialRaw(t, c) // upgraded, but no hello
	go func() { _, _, err := r.ws.ReadMessage(); _ = err; ends <- nil }()
	began := time.Now()
	for range 3 {
		if err := <-ends; err != nil {
			t.Errorf("not sent away: %v", err)
		}
	}
	if took := time.Since(began); took > 14*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestTheGateKeepsStrangersFewAndLetsCitiesThrough(t *testing.T) {
	c := newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Strangers = 2 })
	c.write("f", []byte("x"))
	var cities []*city
	for range 6 { // cities count only until they have shaken hands
		m := newCity(t, c.url)
		m.run()
		m.inStep(c)
		cities = append(cities, m)
	}
	for range 2 {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	// The third silent connection is closed at once.
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the gate stays open")
		}
	}
	c.write("f", []byte("y"))
	for _, m := range cities {
		m.inStep(c)
	}
}

// fakeCapitol sends what the test says after a good handshake.
func fakeCapitol(t testing.TB, say func(ws *websocket.Conn)) string {
	t.Helper()
	var handlers sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		up := websocket.Upgrader{Subprotocols: []string{stream.Subprotocol}}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
		say(ws)
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); handlers.Wait() })
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/src"
}

func position(seq uint64) m { return m{1: bytes.Repeat([]byte{1}, 16), 2: seq, 3: make([]byte, 32)} }

func welcome() m { return m{1: 1, 2: 3, 4: position(5), 8: 1000} }

func node(id int64, name string) m { return m{1: id, 2: 1, 3: []byte(name), 4: 2, 5: 0o755} }

func TestAHostileCapitolReachesNobody(t *testing.T) {
	batch := func(entries ...m) []byte {
		return frame(t, 17, m{1: entries, 3: position(5), 4: true, 5: true})
	}
	for name, messages := range map[string][][]byte{
		"a batch before the welcome": {batch(m{1: 1, 4: node(2, "a")})},
		"a welcome to version 9":     {frame(t, 16, m{1: 9, 2: 3, 4: position(5), 8: 1000})},
		"a welcome without epoch":    {frame(t, 16, m{1: 1, 2: 3, 4: m{}, 8: 1000})},
		"a welcome with mode 7":      {frame(t, 16, m{1: 1, 2: 7, 4: position(5), 8: 1000})},
		"a heartbeat every five min": {frame(t, 16, m{1: 1, 2: 3, 4: position(5), 8: 300000})},
		"a name with slashes":        {frame(t, 16, welcome()), batch(m{1: 1, 4: node(2, "../../etc/cron.d/x")})},
		"a name that is ..":          {frame(t, 16, welcome()), batch(m{1: 1, 4: node(2, "..")})},
		"one bad node among good":    {frame(t, 16, welcome()), batch(m{1: 1, 4: node(2, "a")}, m{1: 2, 4: node(3, "a\x00")})},
		"a giant message":            {frame(t, 16, welcome()), frame(t, 17, m{9: make([]byte, 2<<20)})},
		"content nobody asked for":   {frame(t, 16, welcome()), frame(t, 18, m{1: 1, 4: []byte("x")})},
		"an answer to no question":   {frame(t, 16, welcome()), frame(t, 19, m{1: 77})},
		"a city's frame":             {frame(t, 16, welcome()), frame(t, 2, m{1: 1})},
		"a text message":             {frame(t, 16, welcome()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			url := fakeCapitol(t, func(ws *websocket.Conn) {
				for _, message := range messages {
					if message == nil {
						_ = ws.WriteMessage(websocket.TextMessage, []byte("hello"))
						continue
					}
					_ = ws.WriteMessage(websocket.BinaryMessage, message)
				}
			})
			failed := make(chan stream.State, 100)
			c := newCity(t, url, func(cfg *stream.ClientConfig) {
				cfg.OnState = func(s stream.State) {
					if s.Phase == stream.Waiting {
						select {
						case failed <- s:
						default:
						}
					}
				}
			})
			stop := c.run()
			select {
			case s := <-failed:
				if !errors.Is(s.Err, stream.ErrProtocol) || s.Fault != stream.FaultRemote {
					t.Errorf("got %v (fault %v), want ErrProtocol, remote", s.Err, s.Fault)
				}
			case <-time.After(patience):
				t.Error("nothing was noticed")
			}
			if err := stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
			if len(c.batches) != 0 {
				t.Errorf("%d batches reached the subscriber", len(c.batches))
			}
		})
	}
}

func TestAWindowThatIsIgnoredEndsTheConnection(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 60<<10)
	url := fakeCapitol(t, func(ws *websocket.Conn) {
		_ = ws.WriteMessage(websocket.BinaryMessage, frame(t, 16, welcome()))
		for i := range 200 {
			n := m{1: 2 + i, 2: 1, 3: []byte("f"), 4: 1, 5: 0o644, 10: 1, 11: len(big), 12: make([]byte, 32)}
			b := m{1: []m{{1: 1, 4: n}}, 2: []m{{1: 2 + i, 3: big}}, 4: true}
			if ws.WriteMessage(websocket.BinaryMessage, frame(t, 17, b)) != nil {
				return
			}
		}
	})
	failed := make(chan error, 100)
	c := newCity(t, url, func(cfg *stream.ClientConfig) {
		cfg.Window = stream.MinWindow
		cfg.OnState = func(s stream.State) {
			if s.Phase == stream.Waiting {
				failed <- s.Err
			}
		}
	})
	// The disk is stuck until the connection is gone, which a Fetch notices.
	c.hook = func(b stream.Batch) error {
		n := b.Entries[0].Change.Node
		if err := c.client.Fetch(context.Background(), n, 0, 1, io.Discard); !errors.Is(err, stream.ErrDisconnected) {
			t.Errorf("Fetch: got %v, want ErrDisconnected", err)
		}
		return errors.New("enough")
	}
	stop := c.run()
	if err := <-failed; !errors.Is(err, stream.ErrProtocol) {
		t.Errorf("got %v, want ErrProtocol", err)
	}
	stop()
}
