package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
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
	conf   *cityConf
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

// Late: nothing is left behind.
func (f *follower) Late() <-chan struct{} { return nil }

// Prepare has nothing to do ahead.
func (f *follower) Prepare(_ context.Context, b stream.Batch) stream.Work {
	return stream.Undivided(func(ctx context.Context) (journal.Position, error) { return b.Position, f.apply(ctx, b) })
}

// apply makes a batch true. What the disk refuses as a whole ends the
// connection: the next one brings the newest states, so a hold ends by itself
// when the source is whole again.
func (f *follower) apply(ctx context.Context, b stream.Batch) error {
	set := applier.Set{Entries: b.Entries, Position: b.Position, Full: b.Full, FullDone: b.FullDone}
	if len(b.Bodies) > 0 {
		set.Bodies = make(map[journal.NodeID][]byte, len(b.Bodies))
		for id, body := range b.Bodies {
			set.Bodies[id] = body.Bytes
		}
	}
	if err := f.disk.Apply(ctx, set, f); err != nil {
		return f.judge(err)
	}
	f.sight.applied(len(b.Entries), f.disk.Journal().Position())
	return nil
}

// judge notes why the disk refuses and, if the command is to end by itself, ends it.
func (f *follower) judge(err error) error {
	var held *applier.HoldError
	if f.once && errors.As(err, &held) {
		return &final{err}
	}
	return err
}

// Heartbeat compares the tree digests of both ends.
func (f *follower) Heartbeat(ctx context.Context, b stream.Beat) error {
	own := f.disk.Journal().Position()
	f.sight.heard(b.Position, own)
	if own.Epoch != b.Position.Epoch || own.Seq != b.Position.Seq {
		return nil
	}
	sum, at, err := f.disk.Journal().ScopeDigest(ctx, f.conf.SubDirs)
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
