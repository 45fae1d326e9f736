package applier_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// swapped is a city whose directory "sub" and file "sub/file" a local user exchanges for
// links to a canary outside, as fast as the machine can, while sets are applied.
type swapped struct {
	*capitol
	a    *applier.Applier
	sub  journal.NodeID
	rest journal.NodeID // the same at the top, where names are moved from
	n    int
}

func (s *swapped) some(in journal.NodeID) (journal.NodeID, bool) {
	for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
		if n := s.nodes[id]; n.Parent == in && n.Kind == journal.File && n.Name != "file" {
			return id, true
		}
	}
	return s.file(in, s.name(), "some"), false
}

// name is one that the canary has too.
func (s *swapped) name() string { s.n++; return string(rune('a' + s.n%6)) }

// free takes a name's holder away first.
func (s *swapped) free(in journal.NodeID) string {
	name := s.name()
	for id, n := range s.nodes {
		if n.Parent == in && n.Name == name {
			s.remove(id)
			break
		}
	}
	return name
}

var swapActs = map[string]func(s *swapped){
	"create":    func(s *swapped) { s.file(s.sub, s.free(s.sub), fmt.Sprint("body ", s.n)) },
	"replace":   func(s *swapped) { id, _ := s.some(s.sub); s.write(id, fmt.Sprint("new ", s.n)) },
	"grow":      func(s *swapped) { s.grow(s.nodeAt(s.sub, "file"), fmt.Sprint("line ", s.n, "\n")) },
	"mkdir":     func(s *swapped) { s.dir(s.sub, s.free(s.sub)) },
	"symlink":   func(s *swapped) { s.link(s.sub, s.free(s.sub), "target") },
	"remove":    func(s *swapped) { id, _ := s.some(s.sub); s.remove(id) },
	"move in":   func(s *swapped) { id, _ := s.some(s.rest); s.move(id, s.sub, s.free(s.sub)) },
	"move out":  func(s *swapped) { id, _ := s.some(s.sub); s.move(id, s.rest, s.free(s.rest)) },
	"chmod":     func(s *swapped) { s.chmodBoth() },
	"hard link": func(s *swapped) { s.hard() },
	"type": func(s *swapped) {
		id, _ := s.some(s.sub)
		name := s.nodes[id].Name
		s.remove(id)
		s.file(s.dir(s.sub, name), "a", "beneath")
	},
	"verify": func(s *swapped) { s.a.Verify(context.Background(), false, s); s.file(s.sub, s.free(s.sub), "x") },
}

func (s *swapped) nodeAt(parent journal.NodeID, name string) journal.NodeID {
	for id, n := range s.nodes {
		if n.Parent == parent && n.Name == name {
			return id
		}
	}
	return s.file(parent, name, "log\n")
}

func (s *swapped) chmodBoth() {
	mode := []uint32{0o700, 0o711, 0o770, 0o777}[s.n%4]
	s.n++
	for _, id := range []journal.NodeID{s.sub, s.nodeAt(s.sub, "file")} {
		s.edit(id, func(n *journal.Node) { n.Mode = mode })
	}
}

func (s *swapped) hard() {
	id, _ := s.some(s.rest)
	name := s.free(s.sub)
	if s.nodes[id].Link == 0 {
		s.next++
		s.edit(id, func(n *journal.Node) { n.Link = s.next - 1 })
	}
	n := s.nodes[id]
	n.ID, n.Parent, n.Name = 0, s.sub, name
	s.put(n)
}

// TestCampaignSwappedDestination tries for a fixed time with each kind of operation to
// lead a city outside of its root. The control writes by plain paths and has to escape.
func TestCampaignSwappedDestination(t *testing.T) {
	budget := time.Duration(campaign(250, 1500, 30_000)) * time.Millisecond
	base := t.TempDir()
	root, canary := filepath.Join(base, "dest"), filepath.Join(base, "canary")
	os.MkdirAll(filepath.Join(canary, "d"), 0o755)
	for _, name := range []string{"a", "b", "c", "d/a", "e", "file"} {
		mustWrite(t, filepath.Join(canary, name), "outside")
	}
	s := &swapped{capitol: newCapitol()}
	s.sub, s.rest = s.dir(journal.Root, "sub"), s.dir(journal.Root, "rest")
	s.a = city(t, root, func(c *applier.Config) { c.Trash = time.Minute })
	s.nodeAt(s.sub, "file")
	mustApply(t, s.a, s.set(), s.capitol)
	os.Symlink(canary, filepath.Join(root, "link"))
	os.Symlink(filepath.Join(canary, "file"), filepath.Join(root, "sub", "filelink"))

	var stop atomic.Bool
	var flips atomic.Int64
	done := swapping(&stop, root, canary, &flips)
	defer func() { stop.Store(true); <-done }()
	escaped := 0
	for end := time.Now().Add(max(budget, time.Second)); time.Now().Before(end) || escaped < 100 && time.Now().Before(end.Add(time.Minute)); escaped += clearOf(canary, "control") {
		os.WriteFile(filepath.Join(root, "sub", "control"), nil, 0o600)
	}
	if escaped < 100 {
		t.Fatalf("the control escaped %d times: this test proves nothing", escaped)
	}
	os.Remove(filepath.Join(root, "sub", "control"))
	before := outside(canary)
	sets, failed := 0, 0
	for _, what := range slices.Sorted(maps.Keys(swapActs)) {
		begun := flips.Load()
		for end := time.Now().Add(budget); time.Now().Before(end) || flips.Load() < begun+100; sets++ {
			swapActs[what](s)
			if s.a.Apply(t.Context(), s.set(), s.capitol) != nil {
				failed++
			}
			if sets%4 == 0 { // what was swapped away is made again
				s.a.Verify(t.Context(), false, s)
			}
		}
		if got := outside(canary); !maps.Equal(got, before) {
			t.Errorf("outside is now %.300q, was %.300q", got, before)
		}
		if t.Failed() {
			t.Fatalf("%s led outside", what)
		}
	}
	t.Logf("campaign destination races: %d sets of %d kinds (%d refused) in %d flips, plain writes escaped %d times, the city never", sets, len(swapActs), failed, flips.Load(), escaped)
}

// outside is what the canary holds, without what the swapping itself may put there when
// it catches the link instead of the directory.
func outside(canary string) map[string]string {
	all := contents(canary)
	maps.DeleteFunc(all, func(path, text string) bool {
		name := filepath.Base(path)
		return path == canary || (name == "filelink" || name == "file") && strings.HasSuffix(text, " outside")
	})
	return all
}

func clearOf(dir, name string) int {
	if os.Remove(filepath.Join(dir, name)) != nil {
		return 0
	}
	return 1
}

// swapping exchanges a directory, and a file in it, for links. The city takes links that
// stand in its way to the trash: they are made anew.
func swapping(stop *atomic.Bool, root, canary string, flips *atomic.Int64) <-chan struct{} {
	done := make(chan struct{})
	swap := func(a, b, target string) {
		if unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE) == nil {
			flips.Add(1)
		}
		if !isLink(a) && !isLink(b) {
			os.RemoveAll(b)
			os.Symlink(target, b)
		}
	}
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			swap(root+"/sub", root+"/link", canary)
			if i%3 == 0 && !isLink(root+"/sub") {
				swap(root+"/sub/file", root+"/sub/filelink", canary+"/file")
			}
		}
	}()
	return done
}

func isLink(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode()&os.ModeSymlink != 0
}
