package applier_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// world is a capitol that changes at random, and what strangers put into the city.
type world struct {
	*capitol
	rand    *rand.Rand
	root    string
	foreign map[string]bool // bodies of foreign files
	count   int

	strangers int // 0: nobody else writes into the city
	fuse      fuse
}

func newWorld(seed uint64, root string) *world {
	return &world{capitol: newCapitol(), rand: rand.New(rand.NewPCG(seed, 1)), root: root, foreign: map[string]bool{}}
}

func (w *world) pick(kinds ...journal.Kind) (journal.NodeID, bool) {
	var ids []journal.NodeID
	for _, id := range slices.Sorted(maps.Keys(w.nodes)) {
		if slices.Contains(kinds, w.nodes[id].Kind) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0, false
	}
	return ids[w.rand.IntN(len(ids))], true
}

func (w *world) inside(id, above journal.NodeID) bool {
	for ; id != 0; id = w.nodes[id].Parent {
		if id == above {
			return true
		}
	}
	return false
}

// place finds a spot; if the name is taken, its holder goes or swaps.
func (w *world) place(id journal.NodeID) (journal.NodeID, string, bool) {
	parent, _ := w.pick(journal.Dir)
	if id != 0 && w.inside(parent, id) {
		return 0, "", false
	}
	name := string(rune('a' + w.rand.IntN(5)))
	for other, n := range w.nodes {
		if n.Parent != parent || n.Name != name || other == id {
			continue
		}
		if id != 0 && w.inside(id, other) {
			return 0, "", false
		}
		if id != 0 && !w.inside(w.nodes[id].Parent, other) && w.rand.IntN(2) == 0 {
			w.move(other, w.nodes[id].Parent, w.nodes[id].Name)
		} else {
			w.remove(other)
		}
		break
	}
	return parent, name, true
}

func (w *world) body() string {
	w.count++
	switch w.rand.IntN(6) {
	case 0:
		return strings.Repeat(strconv.Itoa(w.count), 3000)
	case 1:
		return "the same for many"
	case 2:
		return ""
	}
	return fmt.Sprintf("body %d", w.count)
}

func (w *world) step() {
	any := []journal.Kind{journal.File, journal.Dir, journal.Symlink}
	switch w.rand.IntN(14) {
	case 0, 1, 2:
		parent, name, _ := w.place(0)
		w.file(parent, name, w.body())
	case 3, 4:
		parent, name, _ := w.place(0)
		w.dir(parent, name)
	case 5:
		parent, name, _ := w.place(0)
		w.link(parent, name, fmt.Sprint("to ", w.count))
	case 6, 7, 8:
		id, _ := w.pick(any...)
		if id == journal.Root {
			return
		}
		if parent, name, ok := w.place(id); ok && w.nodes[id].ID != 0 {
			w.move(id, parent, name)
		}
	case 9:
		if id, ok := w.pick(journal.File); ok && w.nodes[id].Link == 0 {
			w.write(id, w.body())
		}
	case 10:
		if id, ok := w.pick(journal.File); ok && w.nodes[id].Link == 0 {
			w.grow(id, w.body())
		}
	case 11:
		if id, ok := w.pick(any...); ok && id != journal.Root {
			w.remove(id)
		}
	case 12:
		w.chmod()
	case 13:
		w.hardLink()
	}
}

func (w *world) chmod() {
	id, _ := w.pick(journal.File, journal.Dir)
	mode := []uint32{0o600, 0o755, 0o555, 0o4711, 0o1777, 0}[w.rand.IntN(6)]
	if os.Geteuid() != 0 {
		mode |= 0o500 // what only root passes, others cannot compare
	}
	if os.Geteuid() != 0 && id == journal.Root {
		mode |= 0o700
	}
	link := w.nodes[id].Link
	for _, other := range slices.Sorted(maps.Keys(w.nodes)) {
		if n := w.nodes[other]; n.ID == id || link != 0 && n.Link == link {
			w.edit(n.ID, func(n *journal.Node) { n.Mode = mode })
		}
	}
}

// hardLink gives a file or a symbolic link another name, or takes one out of its group.
func (w *world) hardLink() {
	id, ok := w.pick(journal.File, journal.Symlink)
	if !ok {
		return
	}
	if w.nodes[id].Link != 0 && w.rand.IntN(2) == 0 {
		w.edit(id, func(n *journal.Node) { n.Link = 0 })
		return
	}
	parent, name, _ := w.place(0)
	if _, ok := w.nodes[id]; !ok {
		return
	}
	if w.nodes[id].Link == 0 {
		w.next++
		w.edit(id, func(n *journal.Node) { n.Link = w.next - 1 })
	}
	n := w.nodes[id]
	n.ID, n.Parent, n.Name = 0, parent, name
	w.put(n)
}

// strange puts a foreign file somewhere into the city.
func (w *world) strange() {
	var dirs []string
	filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == applier.StateName {
			return filepath.SkipDir
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	w.count++
	name := fmt.Sprintf("foreign-%d", w.count)
	if w.rand.IntN(4) == 0 {
		name = string(rune('a' + w.rand.IntN(5))) // where a node may want to be
	}
	path := filepath.Join(dirs[w.rand.IntN(len(dirs))], name)
	if _, err := os.Lstat(path); err == nil {
		return
	}
	body := fmt.Sprintf("foreign %d", w.count)
	if os.WriteFile(path, []byte(body), 0o644) == nil {
		w.foreign[body] = true
	}
}

// check compares the tree, and looks for every foreign file in tree and trash.
func (w *world) check(t *testing.T, a *applier.Applier) {
	t.Helper()
	var diff []string
	for _, d := range w.differences(w.root) {
		if !w.isForeign(strings.TrimSuffix(d, ": not wanted")) || !strings.HasSuffix(d, ": not wanted") {
			diff = append(diff, d)
		}
	}
	if len(diff) > 0 {
		t.Errorf("%d differences, the first: %q", len(diff), diff[:min(len(diff), 8)])
	}
	found := map[string]bool{}
	filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if body, err := os.ReadFile(path); err == nil && w.foreign[string(body)] {
				found[string(body)] = true
			}
		}
		return nil
	})
	if len(found) != len(w.foreign) {
		t.Errorf("%d of %d foreign files are left", len(found), len(w.foreign))
	}
	healthy(t, a, w.root)
}

// isForeign: a foreign file, or a directory that they keep or kept.
func (w *world) isForeign(rel string) bool {
	path := filepath.Join(w.root, rel)
	if st, err := os.Lstat(path); err == nil && st.IsDir() {
		names, _ := os.ReadDir(path)
		for _, d := range names {
			if !w.isForeign(filepath.Join(rel, d.Name())) {
				return false
			}
		}
		return len(w.foreign) > 0
	}
	body, err := os.ReadFile(path)
	return err == nil && w.foreign[string(body)]
}

// pieces cuts a set as a cursor would: by seq, parents before children, and the ends
// of directories last, because what was moved out of them may come late.
func (w *world) pieces(s applier.Set, size int) (sets []applier.Set) {
	told := map[journal.NodeID]bool{}
	byID := map[journal.NodeID]journal.Entry{}
	var order []journal.Entry
	for _, e := range s.Entries {
		byID[e.Change.Node.ID] = e
	}
	var tell func(e journal.Entry)
	tell = func(e journal.Entry) {
		if told[e.Change.Node.ID] {
			return
		}
		told[e.Change.Node.ID] = true
		if p, ok := byID[e.Change.Node.Parent]; ok && !e.Change.Gone && !p.Change.Gone {
			tell(p)
		}
		order = append(order, e)
	}
	slices.SortFunc(s.Entries, func(a, b journal.Entry) int { return int(a.Seq) - int(b.Seq) })
	last := func(e journal.Entry) bool { return e.Change.Gone && w.ended[e.Change.Node.ID] }
	for _, held := range []bool{false, true} {
		for _, e := range s.Entries {
			if last(e) == held {
				tell(e)
			}
		}
	}
	for piece := range slices.Chunk(order, size) {
		sets = append(sets, applier.Set{Entries: piece, Bodies: s.Bodies})
	}
	if len(sets) > 0 {
		sets[len(sets)-1].Position = s.Position
	}
	return sets
}

// TestRandomTreesComeOutEqual changes a tree at random, with strangers' files
// in the city, and applies the changes in one set, in pieces, or as a full comparison.
func TestRandomTreesComeOutEqual(t *testing.T) {
	seeds := uint64(60)
	if s := os.Getenv("HYDRASYNC_SEEDS"); s != "" {
		seeds, _ = strconv.ParseUint(s, 10, 64)
	}
	first, _ := strconv.ParseUint(os.Getenv("HYDRASYNC_SEED"), 10, 64)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			w := newWorld(seed, t.TempDir())
			t.Cleanup(func() { unlock(w.root) })
			w.strangers = int(seed/2) % 3
			open := func() *applier.Applier {
				return city(t, w.root, withTrash([]string{"on", "off"}[seed%2]), func(c *applier.Config) { c.Calls = &w.fuse })
			}
			a := open()
			for range 12 {
				for seed%4 > 1 && w.rand.IntN(2) == 0 {
					a = w.interrupted(t, a, open)
				}
				w.round(t, a)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// fuse lets so many changing calls pass, then fails one, or all from there on.
type fuse struct {
	left atomic.Int64 // 0: it does not blow
	err  error
	dead bool
}

func (f *fuse) Before(string, string) error {
	switch left := f.left.Load(); {
	case left == 0:
		return nil
	case left > 1:
		f.left.Add(-1)
		return nil
	case !f.dead:
		f.left.Store(0)
	}
	return f.err
}

// older makes the next set one that was collected from two chunks: what went with
// its directory after the first of them was read is in it as it was.
func (w *world) older() {
	for id, e := range w.buried {
		if _, alive := w.nodes[id]; !alive && w.pending[e.Change.Node.Parent].Change.Gone && w.rand.IntN(2) == 0 {
			w.pending[id] = e
		}
	}
}

// interrupted changes the tree and lets a set, or its parts, end somewhere: by a kill,
// an error of the whole disk, or a connection that is cut. The capitol has to
// tell it all again, in the states of then.
func (w *world) interrupted(t *testing.T, a *applier.Applier, open func() *applier.Applier) *applier.Applier {
	for range 1 + w.rand.IntN(20) {
		w.step()
	}
	told := maps.Clone(w.told)
	s := w.set()
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	how := w.rand.IntN(3)
	switch how {
	case 0:
		w.fuse.err, w.fuse.dead = errKilled, true
	case 1:
		w.fuse.err, w.fuse.dead = syscall.ENOSPC, false
	}
	if n := 1 + w.rand.Int64N(60); how < 2 {
		w.fuse.left.Store(n)
	} else {
		w.inline = int(n) // the rest is fetched
		s.Bodies = nil
		var left atomic.Int64 // several fetches run at once
		left.Store(n)
		w.fail = func(journal.Node, int64) error {
			if left.Add(-1) < 50 {
				cut()
				return errCut
			}
			return nil
		}
	}
	for _, part := range w.pieces(s, 1+w.rand.IntN(30)) {
		if w.rand.IntN(2) == 0 {
			a.Prepare(ctx, &part, w)
		}
		if err := a.Apply(ctx, part, w); err != nil {
			break
		}
		for _, e := range part.Entries {
			told[e.Change.Node.ID] = e.Change.Node.Parent
		}
	}
	if how == 0 {
		a.Close()
	} else if err := a.Begin(context.WithoutCancel(ctx), applier.Resume); err != nil { // the next connection
		t.Fatal(err)
	}
	w.fuse.left.Store(0)
	w.fail, w.inline = nil, 4<<10
	if how == 0 {
		a = open()
		if _, err := a.Verify(t.Context(), false, w); err != nil { // as Run does
			t.Fatal(err)
		}
	}
	for _, e := range s.Entries {
		if _, newer := w.pending[e.Change.Node.ID]; !newer {
			w.pending[e.Change.Node.ID] = e
		}
	}
	w.told = told
	return a
}

func (w *world) round(t *testing.T, a *applier.Applier) {
	for range 1 + w.rand.IntN(25) {
		w.step()
	}
	for range w.rand.IntN(3) * w.strangers {
		w.strange()
	}
	way := w.rand.IntN(5)
	defer func() {
		if t.Failed() {
			t.Logf("way %d", way)
		}
	}()
	switch way {
	case 0, 1:
		for _, s := range w.pieces(w.set(), 1+w.rand.IntN(6)) {
			a.Prepare(t.Context(), &s, w)
			mustApply(t, a, s, w)
		}
	case 2:
		if err := a.Begin(t.Context(), applier.Renumber); err != nil {
			t.Fatal(err)
		}
		w.renumber()
		mustApply(t, a, w.full(), w)
	case 3:
		w.older()
		mustApply(t, a, w.set(), w)
	default:
		mustApply(t, a, w.set(), w)
	}
	a.Settle() // the capitol and the city have the same digest now
	w.check(t, a)
}

// renumber gives every node another id, as after the loss of a capitol's journal. Ids do
// not run out however often that happens.
func (w *world) renumber() {
	w.epoch[0]++
	fresh := map[journal.NodeID]journal.NodeID{}
	shift := func(id journal.NodeID) journal.NodeID {
		if id > journal.Root && fresh[id] == 0 {
			fresh[id] = w.next
			w.next++
		}
		return max(fresh[id], min(id, journal.Root))
	}
	nodes, seqs := map[journal.NodeID]journal.Node{}, map[journal.NodeID]journal.Seq{}
	for _, id := range slices.Sorted(maps.Keys(w.nodes)) {
		n := w.nodes[id]
		n.ID, n.Parent, n.Link = shift(id), shift(n.Parent), shift(n.Link)
		nodes[n.ID], seqs[n.ID] = n, w.rowSeq[id]
	}
	w.nodes, w.rowSeq = nodes, seqs
	clear(w.goneAt)
}

var _ beneath.Calls = (*counter)(nil)

// unlock lets TempDir remove what a set closed to everybody but root.
func unlock(root string) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
}
