package applier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
)

func within(q applier.Quota) func(*applier.Config) {
	return func(c *applier.Config) { c.Quota, c.Trash = q, -1 }
}

// refused applies a set that is to be refused by the quota, and nothing of it may be seen.
func (r *replica) refused(t *testing.T, c *capitol, s applier.Set, which string) {
	t.Helper()
	before, position, fetched := r.disk.Tree(), r.Confirmed(), c.fetched.Load()
	r.Prepare(t.Context(), &s, c)
	err := r.Apply(t.Context(), s, c)
	var quota *applier.QuotaError
	if !errors.As(err, &quota) || !strings.Contains(err.Error(), which) || quota.Hint() == "" || !applier.Held(err) {
		t.Fatalf("Apply said %v", err)
	}
	if now := r.disk.Tree(); fmt.Sprint(now) != fmt.Sprint(before) || r.Confirmed() != position || c.fetched.Load() != fetched {
		t.Errorf("something of it was applied: %v, before %v; %d bytes fetched", now, before, c.fetched.Load()-fetched)
	}
	if st, err := r.Status(t.Context()); err != nil || st.State != "held" || !strings.Contains(st.Why, which) {
		t.Errorf("state %q, %q, %v", st.State, st.Why, err)
	}
}

func (r *replica) is(t *testing.T, c *capitol) {
	t.Helper()
	if diff := c.unlike(r.disk, nil); len(diff) > 0 {
		t.Fatal(diff)
	}
}

func (r *replica) admit(t *testing.T, c *capitol, full bool) error {
	t.Helper()
	total := applier.Total{Paths: int64(len(c.nodes)), At: c.position(), Full: full}
	for _, n := range c.nodes {
		total.Bytes += n.Body.Size
	}
	return r.Admit(t.Context(), total)
}

func TestAQuotaOfBytesRefusesASetAsAWhole(t *testing.T) {
	r, c := begin(t, quick(t), within(applier.Quota{Bytes: 1000})), newCapitol()
	c.inline = 0
	f := c.file(0, "f", strings.Repeat("f", 500))
	c.file(0, "g", strings.Repeat("g", 500))
	r.must(t, c.set(), c)
	c.write(f, strings.Repeat("h", 499)) // no larger than it is
	r.must(t, c.set(), c)
	c.file(0, "small", "s")
	r.must(t, c.set(), c)
	c.file(0, "d", "one too many")
	c.write(f, strings.Repeat("i", 499))
	over := c.set()
	r.refused(t, c, over, "max_bytes")
	c.remove(f)
	after := c.set()
	if err := r.admit(t, c, false); err != nil {
		t.Fatal(err)
	}
	for _, e := range over.Entries { // a capitol tells the newest states
		if e.Change.Node.ID != f {
			after.Entries = append(after.Entries, e)
		}
	}
	r.must(t, after, c)
	r.is(t, c)
	r.sound(t)
}

func TestAQuotaOfPathsCountsWhatLeavesADirectoryThatGoes(t *testing.T) {
	r, c := begin(t, quick(t), within(applier.Quota{Paths: 6})), newCapitol()
	d := c.dir(0, "d")
	stays := c.file(d, "stays", "s")
	c.file(d, "a", "a")
	c.file(d, "b", "b")
	r.must(t, c.set(), c) // 5, the root included
	c.move(stays, 0, "stays")
	c.remove(d) // 2
	for i := range 5 {
		c.file(0, fmt.Sprint("new", i), "n")
	}
	r.refused(t, c, c.set(), "it would be 7 paths, max_paths is 6")
	c.remove(c.at("new4"))
	if err := r.admit(t, c, true); err != nil {
		t.Fatal(err)
	}
	r.must(t, c.full(), c)
	r.is(t, c)
	r.sound(t)
}

// Somebody allows less than is there: what makes it smaller, or leaves it as large, passes.
func TestBeyondAQuotaATreeMayShrink(t *testing.T) {
	r, c := begin(t, quick(t)), newCapitol()
	f := c.file(0, "f", strings.Repeat("f", 100))
	c.file(0, "g", strings.Repeat("g", 100))
	r.must(t, c.set(), c)
	r.Close()
	r.cfg.Quota, r.cfg.Trash = applier.Quota{Bytes: 50}, -1
	r.open(t)
	if err := r.admit(t, c, false); err != nil {
		t.Fatal(err)
	}
	c.write(f, strings.Repeat("F", 100))
	r.must(t, c.set(), c)
	c.remove(f)
	r.must(t, c.set(), c)
	r.is(t, c)
	c.file(0, "h", "h")
	r.refused(t, c, c.set(), "max_bytes")
}

// What is told first is not what happened first: on the way to a tree that is small enough,
// what goes may be beside what comes.
func TestATreeIsAdmittedAsItIsAndNotAsItIsTold(t *testing.T) {
	r, c := begin(t, quick(t), within(applier.Quota{Bytes: 1000})), newCapitol()
	old := c.file(0, "old", strings.Repeat("o", 900))
	r.must(t, c.set(), c)
	c.file(0, "new", strings.Repeat("n", 800))
	first := c.set()
	if err := r.admit(t, c, false); err == nil {
		t.Error("1700 bytes are admitted")
	}
	if st, _ := r.Status(t.Context()); st.State != "held" || !strings.Contains(st.Why, "1.7 KiB (1700 bytes)") {
		t.Errorf("state %q, %q", st.State, st.Why)
	}
	c.remove(old)
	if err := r.admit(t, c, false); err != nil {
		t.Fatal(err)
	}
	if st, _ := r.Status(t.Context()); st.State != "ok" {
		t.Errorf("state %q, %q", st.State, st.Why)
	}
	r.must(t, first, c)
	r.must(t, c.set(), c)
	r.is(t, c)
	c.file(0, "more", strings.Repeat("m", 201)) // what happens then is judged as it happens
	r.refused(t, c, c.set(), "max_bytes")
}

// A capitol that lies about its size gets no more for it than the way there takes.
func TestALieAboutTheSizeIsBounded(t *testing.T) {
	r, c := begin(t, quick(t), within(applier.Quota{Paths: 10})), newCapitol()
	if err := r.Admit(t.Context(), applier.Total{Paths: 1, At: journal.Position{Epoch: c.epoch, Seq: 1 << 40}, Full: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		c.file(0, fmt.Sprint(i), "x")
	}
	s := c.set()
	s.Full, s.Position = true, journal.Position{}
	r.refused(t, c, s, "max_paths")
}

// What is on its way counts, although no row does so yet.
func TestAQuotaCountsWhatIsOnItsWay(t *testing.T) {
	r, s := begin(t, quick(t), within(applier.Quota{Bytes: 1000}), impatient), newSlow()
	s.inline = 0
	s.file(0, "late", strings.Repeat("l", 600))
	first := s.set()
	r.must(t, first, s)
	if r.Confirmed() == first.Position {
		t.Fatal("nothing is late")
	}
	s.inline = 4096
	s.file(0, "f", strings.Repeat("f", 600))
	r.refused(t, s.capitol, s.set(), "max_bytes")
	s.complete(t, r.Applier, first.Position)
	if len(r.disk.Tree()["late"].Content) != 600 {
		t.Errorf("%v", r.disk.Tree())
	}
}

func floor(f applier.Floor) func(*applier.Config) {
	return func(c *applier.Config) { c.MinFree, c.Trash = f, -1 }
}

// settled completes what waits until everything is there.
func (r *replica) settled(t *testing.T, c *capitol) {
	t.Helper()
	eventually(t, "what waited for room", func() bool {
		if err := r.Complete(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return r.Confirmed() == c.position()
	})
}

func TestWhatLacksRoomWaitsAndAllElseGoesOn(t *testing.T) {
	r, c := begin(t, quick(t), floor(applier.Floor{Bytes: 1000})), newCapitol()
	r.disk.Size = 4000
	c.inline = 0
	victim := c.file(c.dir(0, "d"), "victim", strings.Repeat("v", 1500))
	replaced := c.file(0, "name", strings.Repeat("o", 400))
	r.must(t, c.set(), c)
	before := r.Confirmed()
	c.remove(replaced) // an editor's way to save
	c.file(0, "name", strings.Repeat("l", 1300))
	c.file(0, "small", "s")
	r.must(t, c.set(), c)
	tree := r.disk.Tree()
	if tree["small"].Content != "s" || len(tree["name"].Content) != 400 || r.Confirmed() != before || c.fetched.Load() != 1901 {
		t.Errorf("%v; at %v; %d bytes fetched", tree, r.Confirmed(), c.fetched.Load())
	}
	st, err := r.Status(t.Context())
	if err != nil || st.State != "held" || !strings.Contains(st.Why, "held: free space: a file waits, 1.3 KiB (1300 bytes), ") || st.FailedAll > 0 || !applier.Held(r.Short()) {
		t.Errorf("%+v, %v", st, err)
	}
	c.move(c.at("small"), 0, "smaller")
	r.must(t, c.set(), c)
	if tree := r.disk.Tree(); tree["smaller"].Content != "s" || len(tree["name"].Content) != 400 {
		t.Errorf("%v", tree)
	}
	c.remove(victim)
	r.must(t, c.set(), c)
	r.settled(t, c)
	r.is(t, c)
	if r.Short() != nil {
		t.Error(r.Short())
	}
	r.sound(t)
}

func TestAGrownFileNeedsRoomForItsTailOnly(t *testing.T) {
	r, c := begin(t, quick(t), floor(applier.Floor{Percent: 50})), newCapitol()
	r.disk.Size = 4200
	log := c.file(0, "log", strings.Repeat("l", 1500))
	r.must(t, c.set(), c)
	c.grow(log, strings.Repeat("m", 400))
	r.must(t, c.set(), c)
	r.is(t, c)
	c.grow(log, strings.Repeat("m", 400))
	r.must(t, c.set(), c)
	if r.Short() == nil || len(r.disk.Tree()["log"].Content) != 1900 {
		t.Errorf("%v", r.disk.Tree())
	}
	r.disk.Size = 8000
	r.settled(t, c)
	r.is(t, c)
	r.sound(t)
}

// A comparison that lacks room is refused as a whole: what it has not named yet
// would go to the trash.
func TestAComparisonThatLacksRoomChangesNothing(t *testing.T) {
	r, c := begin(t, quick(t), floor(applier.Floor{Bytes: 1000})), newCapitol()
	f := c.file(0, "f", strings.Repeat("f", 500))
	r.must(t, c.set(), c)
	r.disk.Size = 2000
	c.inline = 0
	c.write(f, strings.Repeat("g", 1200))
	if err := r.admit(t, c, true); !errors.Is(err, applier.ErrMinFree) {
		t.Errorf("admitted: %v", err)
	}
	if st, _ := r.Status(t.Context()); st.State != "held" {
		t.Errorf("state %q", st.State)
	}
	if err := r.Begin(t.Context(), applier.Renumber); err != nil {
		t.Fatal(err)
	}
	if err := r.Apply(t.Context(), c.full(), c); !errors.Is(err, applier.ErrMinFree) || c.fetched.Load() > 0 {
		t.Fatalf("Apply said %v, %d bytes fetched", err, c.fetched.Load())
	}
	if tree := r.disk.Tree(); len(tree["f"].Content) != 500 {
		t.Errorf("%v", tree)
	}
	r.disk.Size = 4000
	r.must(t, c.full(), c)
	r.is(t, c)
	r.sound(t)
}

// More lacks room than is kept in mind: what goes still goes, and the rest has to be told again.
func TestMuchThatLacksRoom(t *testing.T) {
	r, c := begin(t, quick(t), floor(applier.Floor{Bytes: 1000})), newCapitol()
	old := c.dir(0, "old")
	c.file(old, "f", strings.Repeat("f", 500))
	r.must(t, c.set(), c)
	before := r.Confirmed()
	r.disk.Size = 1510
	c.inline = 0
	d := c.dir(0, "d")
	for i := range 1500 {
		c.file(d, fmt.Sprint(i), fmt.Sprintf("%1000d", i))
	}
	c.remove(old)
	again := c.set()
	r.must(t, again, c)
	if tree := r.disk.Tree(); len(tree) != 2 || r.Confirmed() != before { // d, and the root
		t.Errorf("%d paths, at %v", len(tree), r.Confirmed())
	}
	if err := r.Overflowed(); !errors.Is(err, applier.ErrMinFree) {
		t.Errorf("Overflowed said %v", err)
	}
	r.disk.Size = 0
	eventually(t, "what is kept in mind", func() bool {
		if err := r.Complete(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return r.Short() == nil
	})
	if r.Confirmed() != before {
		t.Error("what is not kept in mind is confirmed")
	}
	if err := r.Begin(t.Context(), applier.Resume); err != nil {
		t.Fatal(err)
	}
	r.must(t, again, c)
	r.is(t, c)
	if r.Overflowed() != nil || r.Confirmed() != c.position() {
		t.Errorf("%v, at %v", r.Overflowed(), r.Confirmed())
	}
	r.sound(t)
}

func TestParseFloor(t *testing.T) {
	for text, want := range map[string]applier.Floor{"0": {}, "10GiB": {Bytes: 10 << 30}, "5%": {Percent: 5}, "2.5 %": {Percent: 2.5}} {
		if got, err := applier.ParseFloor(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "100%", "-1%", "NaN%", "%", "-5"} {
		if got, err := applier.ParseFloor(text); err == nil || !strings.Contains(err.Error(), "write it like") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
