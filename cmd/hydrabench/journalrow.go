package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/journal"
)

func journalRows() []*row {
	return []*row{{name: "journal", title: "the journal by itself: changes appended in batches of 4,000, durable, and read again", note: "new files; one process, no network",
		figures: []report.Figure{{Key: "append", Label: "appended", Unit: report.PerSecond}, {Key: "follow", Label: "read", Unit: report.PerSecond}},
		bounds:  []report.Bound{atLeast("append", 100_000), atLeast("follow", 400_000)},
		who:     []string{hydrasync}, run: runJournal}}
}

// journalBatch is what a busy watcher appends at once.
const journalBatch = 4000

func runJournal(ctx context.Context, a *attempt) (out measured, err error) {
	j, err := journal.Open(journal.Config{Path: filepath.Join(a.own(), "journal.db"), Role: journal.Capitol})
	if err != nil {
		return nil, err
	}
	defer func() {
		if f := j.Close(); err == nil {
			err = f
		}
	}()
	root := journal.Change{Node: journal.Node{ID: journal.Root, Kind: journal.Dir, Mode: 0o755}}
	if _, err := j.Append(ctx, []journal.Change{root}); err != nil {
		return nil, err
	}
	n := a.pick(200_000, 20_000)
	began := time.Now()
	for done := 0; done < n; done += journalBatch {
		if _, err := j.Append(ctx, newFiles(j, done)); err != nil {
			return nil, err
		}
	}
	appended := time.Since(began)
	read, began := 0, time.Now()
	for c := j.Follow(0, nil); ; {
		chunk, err := c.Next(ctx, 1000)
		if err != nil {
			return nil, err
		}
		read += len(chunk.Entries)
		if chunk.Done {
			break
		}
	}
	if followed := time.Since(began); read >= n {
		return measured{"append": float64(n) / appended.Seconds(), "follow": float64(read) / followed.Seconds()}, nil
	}
	return nil, fmt.Errorf("%d changes were appended and %d entries read", n, read)
}

// newFiles is a batch: a directory with files in it.
func newFiles(j *journal.Journal, from int) []journal.Change {
	dir := j.NewID()
	batch := []journal.Change{{Node: journal.Node{ID: dir, Parent: journal.Root, Name: fmt.Sprintf("dir%d", from), Kind: journal.Dir, Mode: 0o755}}}
	for i := range journalBatch - 1 {
		id := j.NewID()
		node := journal.Node{ID: id, Parent: dir, Name: fmt.Sprintf("some-file-%d.go", i), Kind: journal.File, Mode: 0o644,
			MTime: journal.Time{Sec: 1_790_000_000 + int64(i)}, Body: journal.Content{Generation: uint64(id), Size: 1000, Digest: journal.Digest{byte(i), byte(i >> 8), 1}}}
		batch = append(batch, journal.Change{Node: node, Seen: journal.Seen{Dev: 1, Ino: uint64(id), Size: 1000, MTime: node.MTime, CTime: node.MTime}})
	}
	return batch
}
