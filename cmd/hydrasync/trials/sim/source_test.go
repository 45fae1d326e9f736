package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// source is a capitol with a tree in memory in place of a watched one.
type source struct {
	w    *world
	home string
	kept string // a copy of an older journal

	mu     sync.Mutex // guards what the server reads
	j      *journal.Journal
	nodes  map[journal.NodeID]state
	bodies map[journal.NodeID]string
	ever   map[string]bool // contents that there were
	past   map[journal.Position]map[journal.NodeID]state
	count  int

	end  context.CancelFunc
	done chan struct{}
}

// state is a node, and when it became so.
type state struct {
	node journal.Node
	body string
	at   int // which act
}

func newSource(w *world) *source {
	s := &source{w: w, home: filepath.Join(w.home, "capitol"), kept: filepath.Join(w.home, "older"), nodes: map[journal.NodeID]state{},
		bodies: map[journal.NodeID]string{}, ever: map[string]bool{}, past: map[journal.Position]map[journal.NodeID]state{}}
	s.nodes[journal.Root] = state{node: journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755, UID: uid, GID: gid}}
	s.open()
	return s
}

var uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())

func (s *source) path() string { return filepath.Join(s.home, "journal.db") }

// open serves, and brings the journal to what the tree is.
func (s *source) open() {
	must(s.w, os.MkdirAll(s.home, 0o700))
	j, err := journal.Open(journal.Config{Path: s.path(), Role: journal.Capitol})
	must(s.w, err)
	s.mu.Lock()
	s.j = j
	s.mu.Unlock()
	s.reconcile()
	srv, err := stream.NewServer(stream.ServerConfig{Trees: []stream.Tree{{Name: "t", Journal: j, Source: s}}, Insecure: true})
	must(s.w, err)
	s.end, s.done = s.w.serve("capitol", srv)
}

func (s *source) close() {
	s.w.unserve("capitol")
	s.end()
	<-s.done
	must(s.w, s.j.Close())
}

// restart is a kill: what was committed is there, and nothing was closed.
func (s *source) restart() {
	saved := filepath.Join(s.w.home, "saved")
	copyJournal(s.w, s.path(), saved)
	s.close()
	copyJournal(s.w, saved, s.path())
	s.open()
}

// back starts with an older copy of the journal, or with none.
func (s *source) back(lost bool) {
	s.close()
	if lost {
		removeJournal(s.path())
	} else if _, err := os.Stat(s.kept); err == nil {
		copyJournal(s.w, s.kept, s.path())
	}
	s.open()
}

func (s *source) keep() { copyJournal(s.w, s.path(), s.kept) }

func removeJournal(path string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(path + suffix)
	}
}

func copyJournal(w *world, from, to string) {
	removeJournal(to)
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(from + suffix)
		if os.IsNotExist(err) {
			continue
		}
		must(w, err)
		must(w, os.WriteFile(to+suffix, text, 0o600))
	}
}

// reconcile tells the journal what the tree is, under ids that it never used.
func (s *source) reconcile() {
	rows, err := s.j.ScanFrom(context.Background(), 0, 10_000)
	must(s.w, err)
	known := map[journal.NodeID]journal.Stored{}
	for _, r := range rows {
		known[r.Node.ID] = r
	}
	renamed := map[journal.NodeID]journal.NodeID{}
	for _, id := range s.ids() {
		if r, ok := known[id]; id != journal.Root && (!ok || r.Node.Kind != s.nodes[id].node.Kind) {
			renamed[id] = s.j.NewID()
			for s.nodes[renamed[id]].node.ID != 0 || known[renamed[id]].Node.ID != 0 {
				renamed[id] = s.j.NewID()
			}
		}
	}
	s.renumber(renamed)
	var changes []journal.Change
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if _, ok := s.nodes[id]; !ok {
			changes = append(changes, journal.Change{Gone: true, Node: journal.Node{ID: id}})
		}
	}
	for _, id := range s.ids() {
		changes = append(changes, journal.Change{Node: s.nodes[id].node})
	}
	s.append(changes)
}

func (s *source) renumber(renamed map[journal.NodeID]journal.NodeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := func(id journal.NodeID) journal.NodeID {
		if n, ok := renamed[id]; ok {
			return n
		}
		return id
	}
	links := map[journal.NodeID]journal.NodeID{}
	nodes, bodies := map[journal.NodeID]state{}, map[journal.NodeID]string{}
	for _, id := range s.ids() {
		st := s.nodes[id]
		st.node.ID, st.node.Parent = to(id), to(st.node.Parent)
		if l := st.node.Link; l != 0 && len(renamed) > 0 {
			if links[l] == 0 {
				links[l] = s.j.NewID()
			}
			st.node.Link = links[l]
		}
		nodes[st.node.ID] = st
		if body, ok := s.bodies[id]; ok {
			bodies[st.node.ID] = body
			if len(renamed) > 0 {
				st.node.Body.Generation = uint64(s.j.NewID())
				nodes[st.node.ID] = st
			}
		}
	}
	s.nodes, s.bodies = nodes, bodies
}

func (s *source) ids() []journal.NodeID { return slices.Sorted(maps.Keys(s.nodes)) }

// append journals changes, and remembers what the tree was then.
func (s *source) append(changes []journal.Change) {
	if len(changes) == 0 {
		return
	}
	pos, err := s.j.Append(context.Background(), changes)
	must(s.w, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past[pos] = maps.Clone(s.nodes)
}

// put makes a node so, in the tree.
func (s *source) put(n journal.Node, body string) journal.Change {
	n.UID, n.GID = uid, gid
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if n.Kind == journal.File {
		s.ever[body], s.bodies[n.ID] = true, body
	}
	s.nodes[n.ID] = state{n, body, s.count}
	return journal.Change{Node: n}
}

func (s *source) content(generation uint64, body string) journal.Content {
	if generation == 0 {
		generation = uint64(s.j.NewID())
	}
	return journal.Content{Generation: generation, Size: int64(len(body)), Digest: sha256.Sum256([]byte(body))}
}

func (s *source) remove(id journal.NodeID) journal.Change {
	for _, child := range s.ids() {
		if s.nodes[child].node.Parent == id && child != id {
			s.remove(child)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.nodes, id)
	delete(s.bodies, id)
	return journal.Change{Gone: true, Node: journal.Node{ID: id}}
}

func (s *source) where(nodes map[journal.NodeID]state, id journal.NodeID) string {
	if id == journal.Root {
		return ""
	}
	n := nodes[id].node
	return strings.TrimPrefix(s.where(nodes, n.Parent)+"/"+n.Name, "/")
}

func (s *source) within(id, above journal.NodeID) bool {
	for ; id != 0; id = s.nodes[id].node.Parent {
		if id == above {
			return true
		}
	}
	return false
}

// Open implements [stream.Source].
func (s *source) Open(_ context.Context, n journal.Node) (stream.Body, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.nodes[n.ID]
	body := s.bodies[n.ID]
	if !ok || st.node.Body.Generation != n.Body.Generation || n.Body.Size > int64(len(body)) {
		return nil, fmt.Errorf("%w: node %d", stream.ErrMoved, n.ID)
	}
	return text{bytes.NewReader([]byte(body))}, nil
}

type text struct{ io.ReaderAt }

func (text) Close() error { return nil }
