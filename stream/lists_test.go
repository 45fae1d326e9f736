package stream_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/hydrasync/hydrasync/stream"
)

// lister cuts what a capitol of the tests has, and remembers one old content.
type lister struct {
	c   *capitol
	old map[journal.Digest]chunk.List
}

func (l *lister) Chunks(_ context.Context, n journal.Node) (chunk.List, error) {
	if kept, ok := l.old[n.Body.Digest]; ok {
		return kept, nil
	}
	if n.Body.Size == 0 {
		return chunk.List{}, stream.ErrMoved
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	b := l.c.bytes[n.ID]
	return chunk.Cut(bytes.NewReader(b), chunk.GrainOf(int64(len(b))), make([]byte, 4096))
}

func newListing(t testing.TB) (*capitol, *lister) {
	l := &lister{old: map[journal.Digest]chunk.List{}}
	l.c = newCapitol(t, func(cfg *stream.ServerConfig) { cfg.Trees[0].Lists = l })
	return l.c, l
}

func TestACityAsksForChunks(t *testing.T) {
	c, l := newListing(t)
	body := filled(3<<20, 1)
	file, before := c.write("f", body), journal.Digest{1, 2}
	l.old[before] = chunk.List{Grain: 14, Chunks: []chunk.Chunk{{Hash: 5, Length: 9000}, {Hash: 6, Length: 1}}}
	m := newCity(t, c.url)
	m.run()
	m.inStep(c)
	want, err := chunk.Cut(bytes.NewReader(body), 14, make([]byte, 4096))
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.client.Chunks(context.Background(), file)
	if err != nil || got.Grain != 14 || !slices.Equal(got.Chunks, want.Chunks) {
		t.Errorf("got %d chunks, %v; want %d", len(got.Chunks), err, len(want.Chunks))
	}
	for name, row := range map[string]struct {
		body journal.Content
		want error
	}{
		"a content that it had":         {journal.Content{Size: 9001, Digest: before}, nil},
		"the same with another size":    {journal.Content{Size: 9002, Digest: before}, chunk.ErrInvalid},
		"a content that it never had":   {journal.Content{Size: 9001, Digest: journal.Digest{9}}, stream.ErrMoved},
		"its content, with a lie on it": {journal.Content{Size: 5, Digest: file.Body.Digest}, chunk.ErrInvalid},
	} {
		n := file
		n.Body = row.body
		if _, err := m.client.Chunks(context.Background(), n); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
	gone := file
	gone.ID = 9999
	if _, err := m.client.Chunks(context.Background(), gone); !errors.Is(err, stream.ErrMoved) {
		t.Errorf("a node that is not there: %v", err)
	}
}

func TestWithoutListsACityIsToldSo(t *testing.T) {
	c := newCapitol(t)
	file := c.write("f", filled(3<<20, 1))
	m := newCity(t, c.url)
	if _, err := m.client.Chunks(context.Background(), file); !errors.Is(err, stream.ErrDisconnected) {
		t.Errorf("before it is connected: %v", err)
	}
	m.run()
	m.inStep(c)
	if _, err := m.client.Chunks(context.Background(), file); !errors.Is(err, stream.ErrNoLists) {
		t.Errorf("got %v, want ErrNoLists", err)
	}
	r := dialRaw(t, c)
	h := hello()
	h[5] = [][]byte{[]byte("chunks")}
	r.send(frame(t, 1, h))
	r.send(frame(t, 6, m0(file, 1)))
	if got := r.until(21); got == nil || parse(t, got)[1] != uint64(1) {
		t.Error("a list that was not agreed on is not a fault of the protocol")
	}
}

// m0 is a list frame.
func m0(n journal.Node, request int) m {
	return m{1: request, 2: int64(n.ID), 3: n.Body.Digest[:]}
}

func TestListsOnTheWire(t *testing.T) {
	c, _ := newListing(t)
	file := c.write("f", filled(3<<20, 1))
	r := dialRaw(t, c)
	h := hello()
	h[5] = [][]byte{[]byte("chunks"), []byte("of the future")}
	r.send(frame(t, 1, h))
	w := r.until(16)
	if w == nil {
		t.Fatal("no welcome")
	}
	if features, _ := parse(t, w)[7].([]any); len(features) != 1 || string(features[0].([]byte)) != "chunks" {
		t.Errorf("features %v", features)
	}
	r.send(frame(t, 6, m0(file, 1)))
	v := parse(t, r.until(22, 21))
	b, _ := v[4].([]byte)
	chunks, rest, err := chunk.ParseChunks(b, v[3].(uint64))
	if err != nil || len(rest) > 0 {
		t.Fatal(err, len(rest))
	}
	l := chunk.List{Grain: chunk.Grain(v[2].(uint64)), Chunks: chunks}
	if err := l.Check(3 << 20); err != nil {
		t.Error(err)
	}
	for i := range 200 {
		r.send(frame(t, 6, m0(file, i+2)))
	}
	r.send(frame(t, 6, m0(file, 0)))
	if r.until(21) == nil {
		t.Error("requests without end, and one without a number, are taken")
	}
}

func TestListsOfAHostileCapitolReachNobody(t *testing.T) {
	good := chunk.AppendChunks(nil, []chunk.Chunk{{Hash: 1, Length: 9000}})
	for name, answer := range map[string]m{
		"a giant count":       {1: 1, 2: 14, 3: uint64(1) << 60, 4: good},
		"more than MaxChunks": {1: 1, 2: 14, 3: chunk.MaxChunks + 1, 4: make([]byte, 700<<10)},
		"a count too small":   {1: 1, 2: 14, 3: 0, 4: good},
		"half a chunk":        {1: 1, 2: 14, 3: 1, 4: good[:5]},
		"a giant length":      {1: 1, 2: 14, 3: 1, 4: append(bytes.Repeat([]byte{0xff}, 9), 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		"no request":          {2: 14, 3: 1, 4: good},
		"nobody asked":        {1: 7, 2: 14, 3: 1, 4: good},
	} {
		t.Run(name, func(t *testing.T) {
			url := fakeCapitol(t, func(ws *websocket.Conn) {
				w := welcome()
				w[7] = [][]byte{[]byte("chunks")}
				_ = ws.WriteMessage(websocket.BinaryMessage, frame(t, 16, w))
				for {
					_, message, err := ws.ReadMessage()
					if err != nil {
						return
					}
					if message[0] == 6 {
						break
					}
				}
				_ = ws.WriteMessage(websocket.BinaryMessage, frame(t, 22, answer))
			})
			ended := make(chan error, 100)
			m := newCity(t, url, func(cfg *stream.ClientConfig) {
				cfg.OnState = func(s stream.State) {
					if s.Phase == stream.Waiting {
						select {
						case ended <- s.Err:
						default:
						}
					}
				}
			})
			m.run()
			m.await("a connection", func() bool { return len(m.modes) > 0 })
			n := journal.Node{ID: 5, Kind: journal.File, Body: journal.Content{Size: 9000, Digest: journal.Digest{1}}}
			if l, err := m.client.Chunks(context.Background(), n); err == nil {
				t.Errorf("a list of %d chunks arrived", len(l.Chunks))
			}
			if err := <-ended; !errors.Is(err, stream.ErrProtocol) {
				t.Errorf("got %v, want ErrProtocol", err)
			}
		})
	}
}
