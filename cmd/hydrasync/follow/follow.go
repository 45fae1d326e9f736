// Package follow joins a stream client to an applier: what the one hears the other
// makes true. It is glue, and apart from the command so that a simulation runs the
// same.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/hydrasync/hydrasync/stream"
)

// Follower is a client's Subscriber and an applier's Fetcher. The client calls it
// from one goroutine.
//
//	client ──Batch──▶ follower ──Set──▶ applier
//	       ◀──Fetch──          ◀─Fetch─
type Follower struct {
	Disk   *applier.Applier
	Client *stream.Client
	Sight  Sight
	Once   bool        // what needs a person ends the command
	Whole  func() bool // with Once: the capitol tells of what is there, not of what was when it was stopped; nil: always

	owed  owed
	whole bool          // it was so when the connection began
	pause time.Duration // of a hold that lasts: it grows until both ends are equal
}

// owed is since when a difference is explained by contents that moved on at the capitol.
type owed struct {
	at    journal.Position
	since time.Time
}

// owedPatience is how long the newer entry may take. A capitol tells in about a second
// what it has read, so after this it knows of none: it is this journal's row that is wrong.
const owedPatience = 30 * time.Second

// overdue is asked at every beat with nothing but such contents left.
func (o *owed) overdue(at journal.Position, now time.Time) bool {
	if o.at != at {
		*o = owed{at, now}
	}
	return now.Sub(o.since) >= owedPatience
}

// Sight hears what is known of a highway.
type Sight interface {
	Begin(w stream.Welcome)
	Applied(entries int, own journal.Position)
	Fetched(bytes int64)
	Heard(head, own journal.Position)
	// Proven: both ends were compared, and but for so many paths that could not be
	// made they are equal.
	Proven(at journal.Position, failed int64)
}

// Position is what to resume from, and whether there is content to compare.
func (f *Follower) Position(ctx context.Context) (journal.Position, bool, error) {
	has, err := f.Disk.Filled()
	f.whole = f.Whole == nil || f.Whole() // before the capitol says anything
	return f.Disk.Journal().Position(), has, err
}

// Begin makes the journal ready for what will come. After a full comparison
// under the same epoch that only compaction made necessary, ids mean what they
// meant; otherwise they may not.
func (f *Follower) Begin(ctx context.Context, w stream.Welcome) error {
	if err := f.Disk.Admit(ctx, applier.Total{Paths: w.Nodes, Bytes: w.Bytes, At: w.Position, Full: w.Mode == stream.Full}); err != nil {
		return f.judge(ctx, err)
	}
	how := applier.Resume
	if w.Mode == stream.Full {
		how = applier.Renumber
		own := f.Disk.Journal().Position()
		if own.Epoch == w.Position.Epoch && w.Reason == journal.Compacted.String() {
			how = applier.Compare
		}
	}
	if err := f.Disk.Begin(ctx, how); err != nil {
		return f.judge(ctx, err)
	}
	f.Sight.Begin(w)
	return nil
}

// Late is the applier's word.
func (f *Follower) Late() <-chan struct{} { return f.Disk.Late() }

// Prepare lets the applier begin with a batch.
func (f *Follower) Prepare(ctx context.Context, b stream.Batch) stream.Work {
	set := applier.Set{Entries: b.Entries, Position: b.Position, Full: b.Full, FullDone: b.FullDone}
	if len(b.Bodies) > 0 {
		set.Bodies = make(map[journal.NodeID][]byte, len(b.Bodies))
		for id, body := range b.Bodies {
			set.Bodies[id] = body.Bytes
		}
	}
	f.Disk.Prepare(ctx, &set, f)
	return &work{f, set}
}

// work is a set on its way to the disk.
type work struct {
	*Follower
	set applier.Set
}

// Drop gives back what was prepared.
func (w *work) Drop() { w.Disk.Drop(&w.set) }

// Apply makes the set true. What the disk refuses as a whole ends the
// connection: the next one brings the newest states, so a hold ends by itself
// when the source is whole again.
func (w *work) Apply(ctx context.Context) (pos journal.Position, err error) {
	do := func() error { return w.Disk.Apply(ctx, w.set, w.Follower) }
	if len(w.set.Entries) == 0 && w.set.Position.IsZero() && !w.set.FullDone {
		do = func() error { return w.Disk.Complete(ctx, w.Follower) }
	}
	if w.Once { // it would wait for room for ever
		defer func() {
			if err == nil {
				err = w.judge(ctx, w.Disk.Short())
			}
		}()
	}
	var along int64 // content that came with its entries
	for _, body := range w.set.Bodies {
		along += int64(len(body))
	}
	if err := do(); err != nil {
		return journal.Position{}, w.judge(ctx, err)
	}
	if along > 0 {
		w.Sight.Fetched(along)
	}
	w.Sight.Applied(len(w.set.Entries), w.Disk.Journal().Position())
	return w.Disk.Confirmed(), nil
}

// Heartbeat compares the tree digests of both ends: of all that the replica has,
// so that what is no longer in its sub_dirs is a difference.
func (f *Follower) Heartbeat(ctx context.Context, b stream.Beat) error {
	own := f.Disk.Journal().Position()
	f.Sight.Heard(b.Position, own)
	if err := f.Disk.Overflowed(); err != nil {
		return f.judge(ctx, err)
	}
	if own.Epoch != b.Position.Epoch || own.Seq != b.Position.Seq {
		return nil
	}
	sum, at, err := f.Disk.Journal().ScopeDigest(ctx, nil)
	if err != nil {
		return err
	}
	if at.Seq != b.Position.Seq {
		return nil
	}
	return f.compare(ctx, b, sum)
}

// compare draws the conclusion. Paths that could not be made explain a
// difference: comparing again would not make them. Those that wait for a newer
// entry of the capitol will be told by it.
func (f *Follower) compare(ctx context.Context, b stream.Beat, sum journal.Digest) error {
	if sum == b.Scope {
		f.Disk.Settle()
		f.pause = 0
		f.Sight.Proven(b.Position, 0)
		return nil
	}
	if !f.Disk.Behind() {
		return f.differs(b)
	}
	st, err := f.Disk.Status(ctx)
	switch {
	case err != nil:
		return err
	case st.FailedAll > 0:
		f.Sight.Proven(b.Position, st.FailedAll)
	case f.owed.overdue(b.Position, time.Now()):
		f.owed = owed{}
		return f.differs(b)
	}
	return nil
}

func (f *Follower) differs(b stream.Beat) error {
	f.Disk.Journal().Doubt()
	return fmt.Errorf("%w at %d", stream.ErrDiffers, b.Position.Seq)
}

// Fetch gets content that did not come along.
func (f *Follower) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	counted := &counter{to: w}
	err := f.Client.Fetch(ctx, n, off, length, counted)
	f.Sight.Fetched(counted.n)
	if errors.Is(err, stream.ErrMoved) {
		return &moved{err}
	}
	return err
}

// Chunks gets a large content's list, so that what the disk has of it is not fetched.
func (f *Follower) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	return f.Client.Chunks(ctx, n)
}

// counter counts what is written.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// moved lets the applier know, which does not know the stream.
type moved struct{ error }

func (m *moved) Moved() bool   { return true }
func (m *moved) Unwrap() error { return m.error }

// Final ends the client, which would otherwise try again.
type Final struct{ Err error }

func (f *Final) Error() string { return f.Err.Error() }

// Permanent says so to a stream.
func (f *Final) Permanent() bool { return true }

// Unwrap gives the reason.
func (f *Final) Unwrap() error { return f.Err }
