package stream_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// capitol is a journal with content in memory, and a server.
type capitol struct {
	t      testing.TB
	j      *journal.Journal
	server *stream.Server
	url    string
	addr   string
	stop   func()

	mu    sync.Mutex
	nodes map[string]journal.Node
	bytes map[journal.NodeID][]byte
	opens int
	trust bool // do not hash what is opened
}

func newCapitol(t testing.TB, tune ...func(*stream.ServerConfig)) *capitol {
	t.Helper()
	return newForgetful(t, 0, tune...)
}

// newForgetful keeps so many entries only; 0: the journal's default.
func newForgetful(t testing.TB, keep int64, tune ...func(*stream.ServerConfig)) *capitol {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db"), Role: journal.Capitol, KeepCount: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	c := &capitol{t: t, j: j, nodes: map[string]journal.Node{}, bytes: map[journal.NodeID][]byte{}}
	root := journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}
	c.nodes[""] = root
	c.append(journal.Change{Node: root})
	cfg := stream.ServerConfig{Trees: []stream.Tree{{Name: "src", Journal: j, Source: c}}, Heartbeat: 300 * time.Millisecond}
	for _, f := range tune {
		f(&cfg)
	}
	if c.server, err = stream.NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	c.serve()
	return c
}

func (c *capitol) serve() {
	c.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.addr = ln.Addr().String()
	c.url = "ws://" + c.addr + "/src"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.server.Serve(ctx, ln) }()
	var once sync.Once
	c.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				c.t.Errorf("Serve: %v", err)
			}
		})
	}
	c.t.Cleanup(c.stop)
}

func (c *capitol) append(changes ...journal.Change) journal.Position {
	c.t.Helper()
	pos, err := c.j.Append(context.Background(), changes)
	if err != nil {
		c.t.Fatal(err)
	}
	return pos
}

func (c *capitol) place(path string) (journal.NodeID, string) {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	return c.nodes[dir].ID, name
}

func (c *capitol) mkdir(path string) journal.NodeID {
	c.t.Helper()
	c.mu.Lock()
	parent, name := c.place(path)
	n := journal.Node{ID: c.j.NewID(), Parent: parent, Name: name, Kind: journal.Dir, Mode: 0o755}
	c.nodes[path] = n
	c.mu.Unlock()
	c.append(journal.Change{Node: n})
	return n.ID
}

// change prepares a file's state; an append keeps the generation.
func (c *capitol) change(path string, content []byte) journal.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.nodes[path]
	if !ok {
		parent, name := c.place(path)
		n = journal.Node{ID: c.j.NewID(), Parent: parent, Name: name, Kind: journal.File, Mode: 0o644}
	}
	if !ok || !bytes.HasPrefix(content, c.bytes[n.ID]) || len(c.bytes[n.ID]) == 0 {
		n.Body.Generation = uint64(c.j.NewID())
	}
	n.Body.Size, n.Body.Digest = int64(len(content)), sha256.Sum256(content)
	c.nodes[path], c.bytes[n.ID] = n, content
	return journal.Change{Node: n}
}

func (c *capitol) write(path string, content []byte) journal.Node {
	c.t.Helper()
	ch := c.change(path, content)
	c.append(ch)
	return ch.Node
}

func (c *capitol) chmod(path string, mode uint32) {
	c.t.Helper()
	c.mu.Lock()
	n := c.nodes[path]
	n.Mode = mode
	c.nodes[path] = n
	c.mu.Unlock()
	c.append(journal.Change{Node: n})
}

func (c *capitol) remove(path string) {
	c.t.Helper()
	c.mu.Lock()
	n := c.nodes[path]
	delete(c.nodes, path)
	c.mu.Unlock()
	c.append(journal.Change{Node: journal.Node{ID: n.ID}, Gone: true})
}

// await waits for something that nobody announces.
func (c *capitol) await(what string, ok func() bool) {
	c.t.Helper()
	for late := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			c.t.Fatalf("still waiting for %s: %+v", what, c.server.Cities())
		}
	}
}

type movedErr struct{}

func (movedErr) Error() string { return "the disk has something else" }
func (movedErr) Moved() bool   { return true }

type memBody struct{ *bytes.Reader }

func (memBody) Close() error { return nil }

// Open implements stream.Source.
func (c *capitol) Open(_ context.Context, n journal.Node) (stream.Body, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens++
	b, ok := c.bytes[n.ID]
	if !ok || int64(len(b)) < n.Body.Size {
		return nil, movedErr{}
	}
	if !c.trust && sha256.Sum256(b[:n.Body.Size]) != n.Body.Digest {
		return nil, movedErr{}
	}
	return memBody{bytes.NewReader(b)}, nil
}

// city is a model of a mirror: nodes and bytes in memory. It checks what a
// stream promises while it applies.
type city struct {
	t      testing.TB
	client *stream.Client

	mu      sync.Mutex
	changed chan struct{}
	pos     journal.Position
	agreed  journal.Position
	nodes   map[journal.NodeID]journal.Node
	bytes   map[journal.NodeID][]byte
	full    map[journal.NodeID]journal.Node // of a comparison under way
	has     bool
	modes   []stream.Mode
	reasons []string
	batches []stream.Batch
	fetched int64 // bytes asked for
	inlined int64 // bytes that came by themselves
	differs int   // so many beats are answered with ErrDiffers
	hook    func(stream.Batch) error
}

func newCity(t testing.TB, url string, tune ...func(*stream.ClientConfig)) *city {
	t.Helper()
	m := &city{t: t, changed: make(chan struct{}), nodes: map[journal.NodeID]journal.Node{}, bytes: map[journal.NodeID][]byte{}}
	m.connectTo(url, tune...)
	return m
}

func (m *city) connectTo(url string, tune ...func(*stream.ClientConfig)) {
	m.t.Helper()
	cfg := stream.ClientConfig{URL: url, City: "test", Heartbeat: 300 * time.Millisecond,
		Retry: stream.Retry{First: time.Millisecond, Most: 20 * time.Millisecond}}
	for _, f := range tune {
		f(&cfg)
	}
	var err error
	if m.client, err = stream.NewClient(cfg); err != nil {
		m.t.Fatal(err)
	}
}

// run starts the client; the returned function stops it and gives Run's error.
func (m *city) run() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.client.Run(ctx, m) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	m.t.Cleanup(func() { stop() })
	return stop
}

func (m *city) Position(context.Context) (journal.Position, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pos, m.has, nil
}

func (m *city) Begin(_ context.Context, w stream.Welcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.modes, m.reasons = append(m.modes, w.Mode), append(m.reasons, w.Reason)
	m.full = nil
	if w.Mode == stream.Full {
		m.pos, m.full = journal.Position{}, map[journal.NodeID]journal.Node{}
	}
	m.wake()
	return nil
}

func (m *city) Late() <-chan struct{} { return nil }

func (m *city) Prepare(_ context.Context, b stream.Batch) stream.Work {
	return stream.Undivided(func(ctx context.Context) (journal.Position, error) { return b.Position, m.Apply(ctx, b) })
}

func (m *city) Apply(ctx context.Context, b stream.Batch) error {
	m.mu.Lock()
	hook := m.hook
	m.mu.Unlock()
	if hook != nil {
		if err := hook(b); err != nil {
			return err
		}
	}
	for i := range b.Entries {
		if err := m.applyOne(ctx, &b.Entries[i], b); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, b)
	if b.FullDone {
		m.nodes, m.full = m.full, nil
	}
	if !b.Position.IsZero() {
		if b.Position.Epoch == m.pos.Epoch && b.Position.Seq < m.pos.Seq {
			m.t.Errorf("position went back from %v to %v", m.pos.Seq, b.Position.Seq)
		}
		m.pos = b.Position
	}
	m.wake()
	return nil
}

func (m *city) applyOne(ctx context.Context, e *journal.Entry, b stream.Batch) error {
	if e.Note != nil {
		return nil
	}
	n := e.Change.Node
	m.mu.Lock()
	into := m.nodes
	if b.Full {
		into = m.full
	}
	if e.Change.Gone {
		forget(into, n.ID)
		m.mu.Unlock()
		return nil
	}
	if _, ok := into[n.Parent]; !ok && n.ID != journal.Root {
		m.t.Errorf("node %d (%q) came before its parent %d", n.ID, n.Name, n.Parent)
	}
	into[n.ID] = n
	have := m.bytes[n.ID]
	m.mu.Unlock()
	if n.Kind != journal.File || int64(len(have)) == n.Body.Size && sha256.Sum256(have) == n.Body.Digest {
		return nil
	}
	got, err := m.load(ctx, n, have, b)
	if errors.Is(err, stream.ErrMoved) {
		return nil // a newer entry follows
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.bytes[n.ID] = got
	m.mu.Unlock()
	return nil
}

func (m *city) load(ctx context.Context, n journal.Node, have []byte, b stream.Batch) ([]byte, error) {
	var buf bytes.Buffer
	in, ok := b.Bodies[n.ID]
	if ok && in.Offset <= int64(len(have)) {
		buf.Write(have[:in.Offset])
		buf.Write(in.Bytes)
		m.mu.Lock()
		m.inlined += int64(len(in.Bytes))
		m.mu.Unlock()
	} else {
		if err := m.client.Fetch(ctx, n, 0, n.Body.Size, &buf); err != nil {
			return nil, err
		}
		m.mu.Lock()
		m.fetched += n.Body.Size
		m.mu.Unlock()
	}
	if sha256.Sum256(buf.Bytes()) != n.Body.Digest {
		return nil, fmt.Errorf("node %d: wrong bytes", n.ID)
	}
	return buf.Bytes(), nil
}

func forget(nodes map[journal.NodeID]journal.Node, id journal.NodeID) {
	delete(nodes, id)
	for _, n := range nodes {
		if n.Parent == id {
			forget(nodes, n.ID)
		}
	}
}

func (m *city) digest() (sum journal.Digest) {
	for _, n := range m.nodes {
		sum = sum.Plus(journal.SumOf(&n).Digest)
	}
	return sum
}

func (m *city) Heartbeat(_ context.Context, b stream.Beat) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Position != m.pos {
		return nil
	}
	if m.differs > 0 {
		m.differs--
		return stream.ErrDiffers
	}
	if m.digest() != b.Scope {
		return stream.ErrDiffers
	}
	m.agreed = b.Position
	m.wake()
	return nil
}

func (m *city) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until ok says so, under the lock.
func (m *city) await(what string, ok func() bool) {
	m.t.Helper()
	late := time.After(patience)
	for {
		m.mu.Lock()
		changed, good := m.changed, ok()
		m.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-late:
			m.mu.Lock()
			defer m.mu.Unlock()
			m.t.Fatalf("still waiting for %s: position %v, agreed %v, %d connections, state %+v", what, m.pos.Seq, m.agreed.Seq, len(m.modes), m.client.State())
		}
	}
}

// inStep waits until a heartbeat has proved that the city has all of the
// capitol's journal, and then looks at the bytes too.
func (m *city) inStep(c *capitol) {
	m.t.Helper()
	head := c.j.Position()
	m.await("in step", func() bool { return m.agreed.Epoch == head.Epoch && m.agreed.Seq >= head.Seq })
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, n := range m.nodes {
		if n.Kind == journal.File && sha256.Sum256(m.bytes[id]) != n.Body.Digest {
			m.t.Errorf("node %d (%q): the bytes are not the entry's", id, n.Name)
		}
	}
}

func filled(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

var _ io.ReaderAt = memBody{}

// relisten serves again on the same port.
func relisten(t testing.TB, c *capitol) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ln, err := net.Listen("tcp", c.addr)
		if err == nil {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- c.server.Serve(ctx, ln) }()
			c.stop = sync.OnceFunc(func() {
				cancel()
				if err := <-done; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
			t.Cleanup(c.stop)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
