package applier_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// drawn are dice that rapid throws, and throws again with smaller numbers.
type drawn struct{ t *rapid.T }

// Uint64 has its small numbers, which rapid prefers, at both ends: rand looks at one or
// the other.
func (d drawn) Uint64() uint64 {
	n := rapid.Uint64().Draw(d.t, "dice")
	return n ^ bits.Reverse64(n)
}

// saga is a random history of a tree, and of a replica in memory that is told of it.
type saga struct {
	*world
	*replica
	t     fataler
	trace []string

	lit   atomic.Int64 // changing calls until the next accident; 0: none
	blow  func() error
	since journal.Seq // what the replica has applied
	known map[journal.NodeID]journal.Node
}

func newSaga(t fataler, dice rand.Source, home string) *saga {
	s := &saga{t: t, world: &world{capitol: newCapitol(), rand: rand.New(dice), foreign: map[string]bool{}}}
	s.replica = begin(t, home, withTrash([]string{"on", "off"}[s.rand.IntN(2)]), func(c *applier.Config) { c.Calls = s })
	s.disk.Weak = s.rand.IntN(2) == 0
	s.disk.Seen = s.seen
	s.known = map[journal.NodeID]journal.Node{}
	return s
}

var _ beneath.Calls = (*saga)(nil)

// Before lets so many calls pass, and then the accident happens.
func (s *saga) Before(string, string) error {
	for {
		left := s.lit.Load()
		if left == 0 {
			return nil
		}
		if s.lit.CompareAndSwap(left, left-1) {
			if left > 1 {
				return nil
			}
			return s.blow()
		}
	}
}

// seen judges what a reader may meet: a version that there was, or, of a file that
// grows, its beginning.
func (s *saga) seen(path string, content []byte) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if s.foreign[string(content)] {
		return
	}
	whole := func(text string) bool { return s.contents[digestText(text)] != nil }
	if whole(string(content)) {
		return
	}
	for _, body := range s.contents {
		if strings.HasPrefix(string(body), string(content)) && slices.ContainsFunc(slices.Collect(maps.Values(s.contents)), func(old []byte) bool {
			return len(old) > 0 && len(old) < len(content) && strings.HasPrefix(string(content), string(old))
		}) {
			return
		}
	}
	s.t.Errorf("torn: %q is %d bytes, %.60q", path, len(content), content)
}

// TestCampaignPlanner tells random histories to replicas in memory, with accidents:
// the power goes in the middle of a set, or it ends with an error, or its content
// does not come.
func TestCampaignPlanner(t *testing.T) {
	checks, seed := "150", "1"
	switch os.Getenv("HYDRASYNC_FAULTS") {
	case "ci":
		checks = "1000"
	case "long":
		checks = "100000"
	}
	if s := os.Getenv("HYDRASYNC_SEEDS"); s != "" {
		checks = s
	}
	if s := os.Getenv("HYDRASYNC_SEED"); s != "" {
		seed = s
	}
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.seed": seed, "rapid.nofailfile": "true"} {
		old := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		defer flag.Set(name, old)
	}
	home, histories, sets, accidents := quick(t), 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := newSaga(rt, drawn{rt}, home)
		defer func() { s.Close() }()
		for range 1 + s.rand.IntN(6) {
			if s.rand.IntN(2) == 0 {
				s.accident()
				accidents++
			}
			s.round()
			sets++
		}
		histories++
	})
	t.Logf("campaign planner: %d random histories, %d rounds, %d accidents", histories, sets, accidents)
}

func (s *saga) steps(n int) {
	for range 1 + s.rand.IntN(n) {
		s.step()
	}
}

func (s *saga) say(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

// told is Prepare and Apply, for the record.
func (s *saga) told(ctx context.Context, set applier.Set) error {
	for _, e := range set.Entries {
		n := e.Change.Node
		if e.Change.Gone {
			s.say("  %d: %d is gone", e.Seq, n.ID)
		} else {
			s.say("  %d: %d is %q in %d, %v %o %d bytes link %d", e.Seq, n.ID, n.Name, n.Parent, n.Kind, n.Mode, n.Body.Size, n.Link)
		}
	}
	s.Prepare(ctx, &set, s.world)
	err := s.Apply(ctx, set, s.world)
	s.say("applied to %d: %v", set.Position.Seq, err)
	return err
}

func (s *saga) mustBeTold(set applier.Set) {
	if err := s.told(s.t.Context(), set); err != nil {
		s.fatalf("%v", err)
	}
}

func (s *saga) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(s.trace, "\n"))
}

// storied tells with each failure what went before it.
type storied struct {
	fataler
	saga *saga
}

func (t *storied) Errorf(format string, args ...any) { t.saga.fatalf(format, args...) }
func (t *storied) Fatal(args ...any)                 { t.saga.fatalf("%s", fmt.Sprint(args...)) }

// round changes the tree and tells it, in one of the ways; then both are equal.
func (s *saga) round() {
	s.steps(20)
	for range s.rand.IntN(3) {
		s.stranger()
	}
	told := s.catchUp()
	switch s.rand.IntN(5) {
	case 0:
		for _, part := range s.pieces(told, 1+s.rand.IntN(6)) {
			s.mustBeTold(part)
		}
	case 1:
		s.begins(applier.Renumber)
		s.renumber()
		s.mustBeTold(s.full())
	case 2:
		s.begins(applier.Compare)
		s.mustBeTold(s.full())
	case 3:
		s.mustBeTold(told)
		s.mustBeTold(told)
	default:
		s.mustBeTold(told)
	}
	s.applied()
	s.Settle()
	s.equal()
}

func (s *saga) begins(how applier.Begins) {
	s.say("begin %d", how)
	if err := s.Begin(s.t.Context(), how); err != nil {
		s.t.Fatal(err)
	}
}

// catchUp is what a capitol tells to a city at the position that was applied.
func (s *saga) catchUp() applier.Set {
	set := s.capitol.since(s.since)
	s.tell()
	return set
}

// applied notes that the replica has everything.
func (s *saga) applied() { s.since, s.known = s.seq, maps.Clone(s.nodes) }

func (s *saga) equal() {
	s.t.Helper()
	found := map[string]bool{}
	if diff := s.unlikeBut(s.disk, s.foreign, found); len(diff) > 0 {
		s.fatalf("%d differences: %q", len(diff), diff[:min(len(diff), 6)])
	}
	s.foreignIsSafe()
	s.sound(&storied{s.t, s})
}

func (s *saga) foreignIsSafe() {
	for content := range s.foreign {
		if !s.holds(content) {
			s.fatalf("the stranger's %q is lost", content)
		}
	}
}

// stranger writes a file of its own somewhere.
func (s *saga) stranger() {
	var dirs []string
	for path, n := range s.disk.Tree() {
		if n.Type == unix.S_IFDIR {
			dirs = append(dirs, path)
		}
	}
	slices.Sort(dirs)
	s.count++
	name, content := fmt.Sprintf("foreign-%d", s.count), fmt.Sprintf("foreign %d", s.count)
	if s.rand.IntN(4) == 0 {
		name = string(rune('a' + s.rand.IntN(5)))
	}
	path := filepath.Join(dirs[s.rand.IntN(len(dirs))], name)
	s.foreign[content] = true
	err := s.disk.Put(path, content)
	s.say("a stranger puts %q: %v", path, err)
	if err != nil {
		delete(s.foreign, content)
	}
}

// accident lets a set end somewhere in its middle, and checks what is left.
func (s *saga) accident() {
	before := maps.Clone(s.nodes)
	s.steps(20)
	ctx, cut := context.WithCancel(s.t.Context())
	defer cut()
	kind := s.rand.IntN(4)
	s.blow = func() error { return unix.ENOSPC }
	if kind > 1 {
		s.blow = func() error {
			s.disk.Kill(errKilled)
			return errKilled
		}
	}
	told := s.catchUp()
	n := 1 + s.rand.Int64N(60)
	if kind > 0 {
		s.lit.Store(n)
	} else {
		told.Bodies = nil
		s.fail = func(journal.Node, int64) error { cut(); return errCut }
	}
	for _, part := range s.pieces(told, 1+s.rand.IntN(30)) {
		if s.told(ctx, part) != nil {
			break
		}
	}
	blown := kind > 1 && s.lit.Swap(0) == 0
	s.lit.Store(0)
	if blown {
		s.powerLoss(before)
	}
	s.begins(applier.Resume) // what was on its way has ended
	s.fail = nil
	if s.rand.IntN(2) == 0 {
		s.steps(5)
	}
}

// powerLoss is what the next process finds, and does.
func (s *saga) powerLoss(before map[journal.NodeID]journal.Node) {
	s.Close()
	kept := []float64{0, 0.5, 1}[s.rand.IntN(3)]
	s.disk = s.disk.Crash(kept, s.rand)
	s.say("the power goes, %v is kept, weak %v", kept, s.disk.Weak)
	s.confirmedIsThere(before)
	s.open(s.t)
	s.confirmedIsThere(before)
	if _, err := s.Verify(s.t.Context(), false, s.world); err != nil { // as Run does
		s.t.Fatal(err)
	}
}

// confirmedIsThere: what was applied before the set that broke off, and is not in it,
// is on the disk.
func (s *saga) confirmedIsThere(before map[journal.NodeID]journal.Node) {
	have := s.disk.Tree()
	for path, n := range have {
		if n.Type == unix.S_IFREG {
			s.seen(path, []byte(n.Content))
		}
	}
	s.foreignIsSafe()
	for id, n := range s.known {
		if !s.untouched(id, before) {
			continue
		}
		path, want := s.path(id), s.wanted(n)
		if got, ok := have[path]; !ok || got.Type != want.Type || got.Content != want.Content || got.Mode != want.Mode {
			s.fatalf("confirmed %q is not on the disk: %o %.40q, want %o %.40q", path, got.Type|got.Mode, got.Content, want.Type|want.Mode, want.Content)
		}
	}
}

// untouched says whether nothing is new of a node, its inode, or a directory above it.
func (s *saga) untouched(id journal.NodeID, before map[journal.NodeID]journal.Node) bool {
	for ; id != 0; id = s.nodes[id].Parent {
		n, ok := s.nodes[id]
		if !ok || !n.Equal(s.known[id]) || s.rowSeq[id] > s.since || n.Link != 0 {
			return false
		}
	}
	return true
}

func digestText(text string) journal.Digest {
	return (&capitol{contents: map[journal.Digest][]byte{}}).content(journal.Content{}, text).Digest
}
