package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/hydrasync/hydrasync/stream"
)

// follower joins a stream client to an applier: it is the client's Subscriber
// and the applier's Fetcher. The client calls it from one goroutine.
//
//	client ──Batch──▶ follower ──Set──▶ applier
//	       ◀──Fetch──          ◀─Fetch─
type follower struct {
	disk   *applier.Applier
	client *stream.Client
	sight  *sight
	conf   *highwayConf
	once   bool // what needs a person ends the command
}

// Position is what to resume from, and whether there is content to compare.
func (f *follower) Position(ctx context.Context) (journal.Position, bool, error) {
	has, err := filled(f.conf.To)
	return f.disk.Journal().Position(), has, err
}

// filled says whether a directory holds anything but hydrasync's own folder.
func filled(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	names, err := f.Readdirnames(2)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	for _, name := range names {
		if name != applier.StateName {
			return true, err
		}
	}
	return false, err
}

// Begin makes the journal ready for what will come. After a full comparison
// under the same epoch that only compaction made necessary, ids mean what they
// meant; otherwise they may not.
func (f *follower) Begin(ctx context.Context, w stream.Welcome) error {
	how := applier.Resume
	if w.Mode == stream.Full {
		how = applier.Renumber
		own := f.disk.Journal().Position()
		if own.Epoch == w.Position.Epoch && w.Reason == journal.Compacted.String() {
			how = applier.Compare
		}
	}
	if err := f.disk.Begin(ctx, how); err != nil {
		return f.judge(err)
	}
	f.sight.begin(w)
	return nil
}

// Late is the applier's word.
func (f *follower) Late() <-chan struct{} { return f.disk.Late() }

// Prepare lets the applier begin with a batch.
func (f *follower) Prepare(ctx context.Context, b stream.Batch) stream.Work {
	set := applier.Set{Entries: b.Entries, Position: b.Position, Full: b.Full, FullDone: b.FullDone}
	if len(b.Bodies) > 0 {
		set.Bodies = make(map[journal.NodeID][]byte, len(b.Bodies))
		for id, body := range b.Bodies {
			set.Bodies[id] = body.Bytes
		}
	}
	f.disk.Prepare(ctx, &set, f)
	return &work{f, set}
}

// work is a set on its way to the disk.
type work struct {
	*follower
	set applier.Set
}

// Drop gives back what was prepared.
func (w *work) Drop() { w.disk.Drop(&w.set) }

// Apply makes the set true. What the disk refuses as a whole ends the
// connection: the next one brings the newest states, so a hold ends by itself
// when the source is whole again.
func (w *work) Apply(ctx context.Context) (journal.Position, error) {
	do := func() error { return w.disk.Apply(ctx, w.set, w.follower) }
	if len(w.set.Entries) == 0 && w.set.Position.IsZero() && !w.set.FullDone {
		do = func() error { return w.disk.Complete(ctx, w.follower) }
	}
	if err := do(); err != nil {
		return journal.Position{}, w.judge(err)
	}
	w.sight.applied(len(w.set.Entries), w.disk.Journal().Position())
	return w.disk.Confirmed(), nil
}

// judge notes why the disk refuses and, if the command is to end by itself, ends it.
func (f *follower) judge(err error) error {
	var held *applier.HoldError
	if f.once && errors.As(err, &held) {
		return &final{err}
	}
	return err
}

// Heartbeat compares the tree digests of both ends: of all that the replica has,
// so that what is no longer in its sub_dirs is a difference.
func (f *follower) Heartbeat(ctx context.Context, b stream.Beat) error {
	own := f.disk.Journal().Position()
	f.sight.heard(b.Position, own)
	if own.Epoch != b.Position.Epoch || own.Seq != b.Position.Seq {
		return nil
	}
	sum, at, err := f.disk.Journal().ScopeDigest(ctx, nil)
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
func (f *follower) compare(ctx context.Context, b stream.Beat, sum journal.Digest) error {
	if sum == b.Scope {
		f.disk.Settle()
		f.sight.proven(b.Position, 0)
		return nil
	}
	if !f.disk.Behind() {
		return fmt.Errorf("%w at %d", stream.ErrDiffers, b.Position.Seq)
	}
	st, err := f.disk.Status(ctx)
	if err == nil && st.FailedAll > 0 {
		f.sight.proven(b.Position, st.FailedAll)
	}
	return err
}

// Fetch gets content that did not come along.
func (f *follower) Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error {
	counted := &counter{to: w}
	err := f.client.Fetch(ctx, n, off, length, counted)
	f.sight.fetched(counted.n)
	if errors.Is(err, stream.ErrMoved) {
		return &moved{err}
	}
	return err
}

// Chunks gets a large content's list, so that what the disk has of it is not fetched.
func (f *follower) Chunks(ctx context.Context, n journal.Node) (chunk.List, error) {
	return f.client.Chunks(ctx, n)
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

// final ends the client, which would otherwise try again.
type final struct{ error }

func (f *final) Permanent() bool { return true }
func (f *final) Unwrap() error   { return f.error }
