package main

import (
	"context"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// sight is what is known about one highway at any moment: status, progress and
// --once look at it. All methods may be called at once.
type sight struct {
	mu    sync.Mutex
	now   situation
	moved chan struct{} // closed and renewed at every change
	whole chan struct{} // closed once the city is known to hold a whole tree: see [sight.trust]

	frozen bool // see freeze

	hear func(*situation) // called at every change; must not block
}

// situation is a copy of what a sight knows.
type situation struct {
	Link    stream.State
	Mode    stream.Mode
	Reason  string
	Nodes   int64 // in the capitol's tree when it said so
	Began   time.Time
	Start   journal.Position // of this city then
	Entries int64            // applied since
	Bytes   int64            // of content that came since
	Own     journal.Position // of this city
	Peak    journal.Position // the farthest that it was in this epoch
	Head    journal.Position // the capitol's newest that is known
	Proven  journal.Position // where both ends were last compared
	Failed  int64            // and how many paths could not be made
	At      time.Time        // when
}

func newSight(own journal.Position) *sight {
	return &sight{now: situation{Own: own, Peak: own, Link: stream.State{Phase: stream.Connecting, Since: time.Now()}}, moved: make(chan struct{}), whole: make(chan struct{})}
}

// trust says that the city holds a whole tree, not the part that its capitol
// had found when the city was filled: a relay may let others be compared with it.
func (s *sight) trust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.whole:
	default:
		close(s.whole)
	}
}

func (s *sight) change(do func(*situation)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen {
		return
	}
	do(&s.now)
	if own := s.now.Own; own.Epoch != s.now.Peak.Epoch && !own.IsZero() || own.Seq > s.now.Peak.Seq {
		s.now.Peak = own
	}
	if s.hear != nil {
		s.hear(&s.now)
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

// freeze keeps a situation for the report of a --once: while everything ends,
// the connection is lost, and that is not what the person asked about.
func (s *sight) freeze(at situation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.frozen = at, true
}

// look returns the situation, and what is closed when there is another.
func (s *sight) look() (situation, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.moved
}

// link is the client's OnState.
func (s *sight) link(st stream.State) { s.change(func(n *situation) { n.Link = st }) }

// Begin notes how the city is brought up to date.
func (s *sight) Begin(w stream.Welcome) {
	s.change(func(n *situation) {
		n.Mode, n.Reason, n.Nodes, n.Head = w.Mode, w.Reason, w.Nodes, w.Position
		n.Began, n.Entries, n.Bytes, n.Start = time.Now(), 0, 0, n.Own
	})
}

// Applied notes what is on the disk.
func (s *sight) Applied(entries int, own journal.Position) {
	s.change(func(n *situation) {
		n.Entries += int64(entries)
		n.Own = own
		if own.Epoch != n.Head.Epoch || own.Seq > n.Head.Seq {
			n.Head = own
		}
	})
}

// Fetched counts content, with its entry or asked for.
func (s *sight) Fetched(bytes int64) { s.change(func(n *situation) { n.Bytes += bytes }) }

// Heard notes where both ends are.
func (s *sight) Heard(head, own journal.Position) {
	s.change(func(n *situation) { n.Head, n.Own = head, own })
}

// Proven notes that they were compared.
func (s *sight) Proven(at journal.Position, failed int64) {
	s.change(func(n *situation) { n.Proven, n.Failed, n.At = at, failed, time.Now() })
	s.trust()
}

// inStep says that the ends were compared where the capitol was last known to be.
func (n *situation) inStep() bool {
	return !n.Proven.IsZero() && n.Link.Phase == stream.Connected && n.Proven.Epoch == n.Head.Epoch && n.Proven.Seq >= n.Head.Seq
}

// behind counts entries that the city is known to lack.
func (n *situation) behind() uint64 {
	if n.Own.Epoch != n.Head.Epoch || n.Own.Seq >= n.Head.Seq {
		return 0
	}
	return uint64(n.Head.Seq - n.Own.Seq)
}

// percent is how far catching up is, as far as it can be known; 0: it cannot.
func (n *situation) percent() uint8 {
	done, all := float64(n.Entries), float64(n.Nodes)
	if n.Mode != stream.Full {
		if n.Start.Epoch != n.Head.Epoch || n.Head.Seq <= n.Start.Seq || n.Own.Seq < n.Start.Seq {
			return 0
		}
		done, all = float64(n.Own.Seq-n.Start.Seq), float64(n.Head.Seq-n.Start.Seq)
	}
	if all <= 0 {
		return 0
	}
	return uint8(min(100*done/all, 99)) // all is there once it is proven
}

// until waits for a situation.
func (s *sight) until(ctx context.Context, good func(*situation) bool) (situation, error) {
	for {
		now, moved := s.look()
		if good(&now) {
			return now, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// untilProven waits until both ends were compared at seq of that epoch or
// later; a zero position means at the first comparison.
func (s *sight) untilProven(ctx context.Context, goal journal.Position) (situation, error) {
	return s.until(ctx, func(n *situation) bool {
		return n.inStep() && (goal.IsZero() || n.Proven.Epoch == goal.Epoch && n.Proven.Seq >= goal.Seq)
	})
}

// untilAlone waits until the capitol has not been reached for so long, and
// returns why. It is how --timeout ends a --once.
func (s *sight) untilAlone(ctx context.Context, timeout time.Duration) (situation, error) {
	connected := func(n *situation) bool { return n.Link.Phase == stream.Connected }
	alone := func(n *situation) bool { return !connected(n) }
	for {
		if now, err := s.until(ctx, alone); err != nil {
			return now, err
		}
		wait, cancel := context.WithTimeout(ctx, timeout)
		now, err := s.until(wait, connected)
		cancel()
		if err != nil {
			return now, ctx.Err()
		}
	}
}
