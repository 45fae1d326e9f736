package applier_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath/memory"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// act is one letter of the alphabet: something that a person does to a small
// tree. False: it cannot be done to this one.
type act struct {
	name string
	do   func(c *capitol) bool
}

// at is the node with a path, 0 if there is none.
func (c *capitol) at(path string) journal.NodeID {
	for id := range c.nodes {
		if c.path(id) == path {
			return id
		}
	}
	return 0
}

// spare is where a path may be made: its directory, its name; not if it is taken.
func (c *capitol) spare(path string) (journal.NodeID, string, bool) {
	dir, name := "", path
	if cut := strings.LastIndexByte(path, '/'); cut >= 0 {
		dir, name = path[:cut], path[cut+1:]
	}
	parent := c.at(dir)
	return parent, name, parent != 0 && c.nodes[parent].Kind == journal.Dir && c.at(path) == 0
}

func (c *capitol) beneath(id, above journal.NodeID) bool {
	for ; id != 0; id = c.nodes[id].Parent {
		if id == above {
			return true
		}
	}
	return false
}

func create(path string, make func(c *capitol, parent journal.NodeID, name string)) act {
	return act{"create " + path, func(c *capitol) bool {
		parent, name, ok := c.spare(path)
		if ok {
			make(c, parent, name)
		}
		return ok
	}}
}

func newFile(c *capitol, parent journal.NodeID, name string) {
	c.file(parent, name, fmt.Sprint("new ", c.next))
}
func newDir(c *capitol, parent journal.NodeID, name string) {
	c.file(c.dir(parent, name), "in", "inside")
}
func newLink(c *capitol, parent journal.NodeID, name string) { c.link(parent, name, "../elsewhere") }

func on(what, path string, do func(c *capitol, id journal.NodeID) bool) act {
	return act{what + " " + path, func(c *capitol) bool {
		id := c.at(path)
		return id != 0 && do(c, id)
	}}
}

func gone(path string) act {
	return on("remove", path, func(c *capitol, id journal.NodeID) bool { c.remove(id); return true })
}

// mv is rename(2): what has the new name goes.
func mv(from, to string) act {
	return on("move to "+to, from, func(c *capitol, id journal.NodeID) bool {
		if there := c.at(to); there != 0 {
			if c.beneath(id, there) {
				return false
			}
			c.remove(there)
		}
		parent, name, ok := c.spare(to)
		if !ok || c.beneath(parent, id) {
			return false
		}
		c.move(id, parent, name)
		return true
	})
}

func swap(a, b string) act {
	return on("swap with "+b, a, func(c *capitol, x journal.NodeID) bool {
		y := c.at(b)
		if y == 0 || c.beneath(x, y) || c.beneath(y, x) {
			return false
		}
		n, m := c.nodes[x], c.nodes[y]
		c.move(x, m.Parent, m.Name)
		c.move(y, n.Parent, n.Name)
		return true
	})
}

// become changes the type of what has a path: another node, the same name.
func become(path string, make func(*capitol, journal.NodeID, string)) act {
	return on("replace", path, func(c *capitol, id journal.NodeID) bool {
		n := c.nodes[id]
		c.remove(id)
		make(c, n.Parent, n.Name)
		return true
	})
}

func hard(from, to string) act {
	return on("link as "+to, from, func(c *capitol, id journal.NodeID) bool {
		parent, name, ok := c.spare(to)
		if !ok || c.nodes[id].Kind != journal.File {
			return false
		}
		if c.nodes[id].Link == 0 {
			c.edit(id, func(n *journal.Node) { n.Link = c.next })
			c.next++
		}
		n := c.nodes[id]
		n.ID, n.Parent, n.Name = 0, parent, name
		c.put(n)
		return true
	})
}

func write(path string) act {
	return on("write", path, func(c *capitol, id journal.NodeID) bool {
		if c.nodes[id].Kind != journal.File || c.nodes[id].Link != 0 {
			return false
		}
		c.write(id, fmt.Sprint("written ", c.seq))
		return true
	})
}

// alphabet is two directories times two names, and what is done to them.
var alphabet = []act{
	create("d/a", newFile), create("e/b", newFile), create("e/b", newDir), create("d/b", newLink), create("d", newDir),
	gone("d/a"), gone("d/b"), gone("e/a"), gone("d"), gone("e"),
	mv("d/a", "d/b"), mv("d/a", "e/a"), mv("e/a", "d/a"), mv("e/b", "d/a"), mv("d/b", "e/b"),
	mv("d", "e/b"), mv("e", "d/b"), mv("d", "e"), mv("d/b", "e"), mv("e/b", "d"), mv("d/b/in", "d/a"),
	swap("d/a", "e/a"), swap("d/a", "d/b"), swap("d", "e"), swap("d/b", "e"),
	become("d/a", newDir), become("d/b", newFile), become("d", newFile), become("e/a", newLink),
	hard("d/a", "e/b"), write("d/a"), write("e/a"),
}

// grown is the tree that every sequence begins with.
func (c *capitol) grown() {
	d, e := c.dir(0, "d"), c.dir(0, "e")
	c.file(d, "a", "one")
	c.file(c.dir(d, "b"), "in", "two")
	c.file(e, "a", "three")
}

// ways are how the same acts reach the city.
var ways = []struct {
	name string
	tell func(t fataler, r *replica, c *capitol, acts []act) bool
}{
	{"one by one", func(t fataler, r *replica, c *capitol, acts []act) bool {
		return perform(c, acts, func() { r.must(t, c.set(), c) })
	}},
	{"in one set", func(t fataler, r *replica, c *capitol, acts []act) bool {
		ok := perform(c, acts, func() {})
		r.must(t, c.set(), c)
		return ok
	}},
	{"twice, and from the beginning", func(t fataler, r *replica, c *capitol, acts []act) bool {
		since := c.seq
		ok := perform(c, acts, func() {
			s := c.set()
			r.must(t, s, c)
			r.must(t, s, c)
			r.must(t, c.since(since), c)
		})
		return ok
	}},
	{"as a comparison", func(t fataler, r *replica, c *capitol, acts []act) bool {
		ok := perform(c, acts, func() {})
		if err := r.Begin(t.Context(), applier.Compare); err != nil {
			t.Fatal(err)
		}
		r.must(t, c.full(), c)
		return ok
	}},
	{"under other ids", func(t fataler, r *replica, c *capitol, acts []act) bool {
		ok := perform(c, acts, func() {})
		if err := r.Begin(t.Context(), applier.Renumber); err != nil {
			t.Fatal(err)
		}
		w := &world{capitol: c}
		w.renumber()
		r.must(t, c.full(), c)
		return ok
	}},
	{"node by node", func(t fataler, r *replica, c *capitol, acts []act) bool {
		ok := perform(c, acts, func() {})
		for _, s := range (&world{capitol: c, rand: rand.New(rand.NewPCG(1, 1))}).pieces(c.set(), 1) {
			r.must(t, s, c)
		}
		return ok
	}},
}

// since is what a cursor tells from there on: the newest state of what has changed,
// and what is gone, also of what was made after it.
func (c *capitol) since(seq journal.Seq) applier.Set {
	s := applier.Set{Position: c.position(), Bodies: map[journal.NodeID][]byte{}}
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		if c.rowSeq[id] > seq {
			c.add(&s, journal.Entry{Seq: c.rowSeq[id], Change: journal.Change{Node: c.nodes[id]}})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.goneAt)) {
		if at := c.goneAt[id]; at > seq {
			s.Entries = append(s.Entries, journal.Entry{Seq: at, Change: journal.Change{Gone: true, Node: journal.Node{ID: id}}})
		}
	}
	return s
}

// perform does acts as far as they can be done, and says whether all could.
func perform(c *capitol, acts []act, after func()) bool {
	for _, a := range acts {
		if !a.do(c) {
			return false
		}
		after()
	}
	return true
}

// attempt tells one sequence in one way to a replica, and empties it again.
func (r *replica) attempt(t fataler, c *capitol, acts []act, way int, foreign bool) {
	c.grown()
	r.must(t, c.set(), c)
	strangers := map[string]bool{}
	if foreign {
		r.disk.Put("d/stranger", "foreign")
	}
	r.lost = nil
	ways[way].tell(t, r, c, acts)
	if diff := c.unlikeBut(r.disk, map[string]bool{"foreign": true}, strangers); len(diff) > 0 {
		t.Errorf("%q", diff)
	}
	if foreign && !strangers["foreign"] && !r.holds("foreign") {
		t.Errorf("the stranger's file is lost")
	}
	if len(r.lost) > 0 {
		t.Errorf("calls where no directory was: %q", r.lost)
	}
	r.Settle()
	r.sound(t)
	for _, id := range c.below(journal.Root) {
		c.remove(id)
	}
	r.must(t, c.set(), c)
	r.Settle()
	for path := range r.disk.Tree() {
		if path != "" && !(foreign && strangers["foreign"]) {
			t.Errorf("%q is left of an empty tree", path)
		}
	}
}

func (c *capitol) below(dir journal.NodeID) (ids []journal.NodeID) {
	for id, n := range c.nodes {
		if n.Parent == dir && id != dir {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestCampaignExhaustive tells every sequence of up to three acts in every way.
func TestCampaignExhaustive(t *testing.T) {
	longest, share, each := 2, uint64(0), 1 // this share of the longer ones; so many ways for each
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		share, each = 10, 2
	case "long":
		longest, each = 3, len(ways)
	}
	sequences := enumerate(longest, share)
	var next, ran atomic.Int64
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() { workThrough(t, sequences, each, &next, &ran) })
	}
	running.Wait()
	t.Logf("campaign exhaustive: %d sequences of acts, %d histories", len(sequences), ran.Load())
}

// enumerate makes the sequences of up to longest acts that can be done, and a share
// in percent of those that are one longer.
func enumerate(longest int, share uint64) (all [][]act) {
	dice := rand.New(rand.NewPCG(1, 1))
	var extend func(done []act)
	extend = func(done []act) {
		for _, a := range alphabet {
			s := append(slices.Clip(done), a)
			c := newCapitol()
			c.grown()
			if !perform(c, s, func() {}) || len(s) > longest && dice.Uint64N(100) >= share {
				continue
			}
			all = append(all, s)
			if len(s) < longest || len(s) == longest && share > 0 {
				extend(s)
			}
		}
	}
	extend(nil)
	return all
}

// freshAfter so many histories a replica begins anew: its journal grows with what is gone.
const freshAfter = 50

func workThrough(t *testing.T, sequences [][]act, each int, next, ran *atomic.Int64) {
	home := quick(t)
	var r *replica
	var c *capitol
	for {
		i := int(next.Add(1)) - 1
		if i >= len(sequences) || t.Failed() {
			break
		}
		for way := range each {
			way = (way + i) % len(ways)
			if r == nil {
				r, c = begin(t, home, withTrash([]string{"on", "off"}[i%2])), newCapitol()
			}
			foreign := (i+way)%4 == 3
			f := &failures{T: t, what: fmt.Sprintf("%s, %s, a stranger: %v", spell(sequences[i]), ways[way].name, foreign)}
			r.attempt(f, c, sequences[i], way, foreign)
			ran.Add(1)
			if foreign || ran.Load()%freshAfter == 0 { // what a stranger left is in the way of the next
				r.Close()
				r = nil
			}
		}
	}
	if r != nil {
		r.Close()
	}
}

func spell(acts []act) string {
	var names []string
	for _, a := range acts {
		names = append(names, a.name)
	}
	return strings.Join(names, "; ")
}

// failures says with each failure how to get it again.
type failures struct {
	*testing.T
	what string
}

func (f *failures) Errorf(format string, args ...any) {
	f.T.Helper()
	f.T.Errorf("%s: %s", f.what, fmt.Sprintf(format, args...))
}

// strict is a disk that notes calls in directories that are not there.
type strict struct {
	*memory.Disk
	mu   sync.Mutex
	lost []string
}

func (s *strict) note(what, name string, err error) error {
	if err == unix.ENOENT || err == unix.ENOTDIR {
		s.mu.Lock()
		s.lost = append(s.lost, what+" "+name)
		s.mu.Unlock()
	}
	return err
}

func (s *strict) Mkdir(dir int, name string, mode uint32) error {
	return s.note("mkdir", name, s.Disk.Mkdir(dir, name, mode))
}

func (s *strict) Symlink(target string, dir int, name string) error {
	return s.note("symlink", name, s.Disk.Symlink(target, dir, name))
}

func (s *strict) Link(from int, name string, to int, newName string) error {
	return s.note("link", newName, s.Disk.Link(from, name, to, newName))
}

func (s *strict) LinkOpen(fd int, to int, newName string) error {
	return s.note("link", newName, s.Disk.LinkOpen(fd, to, newName))
}

func (s *strict) Rename(from int, name string, to int, newName string, how uint) error {
	return s.note("rename", newName, s.Disk.Rename(from, name, to, newName, how))
}

// Fatal ends this worker.
func (f *failures) Fatal(why ...any) {
	f.T.Helper()
	f.T.Fatalf("%s: %s", f.what, fmt.Sprint(why...))
}
