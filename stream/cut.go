package stream

import (
	"slices"

	"github.com/hydrasync/hydrasync/journal"
)

// cut divides a chunk after about one message, at a place where a reader can go
// on: no entry that is left out may be older than the last that stays. What is
// left out comes back as a chunk for whoever is at that place, if it tells all
// that he needs: parents that were told before their turn have to be told again
// to those who came there by another way. Otherwise, and where nothing is left out, it is empty.
func cut(chunk *journal.Chunk) (rest journal.Chunk) {
	n := oneMessage(chunk.Entries)
	oldest := chunk.Position.Seq + 1
	end := len(chunk.Entries)
	for i := end - 1; i >= max(0, n-1); i-- {
		e := &chunk.Entries[i]
		if e.Seq < oldest && !e.Digest.IsZero() {
			end = i + 1
		}
		oldest = min(oldest, e.Seq)
	}
	if end == len(chunk.Entries) {
		return journal.Chunk{}
	}
	last := &chunk.Entries[end-1]
	early := slices.ContainsFunc(chunk.Entries[:end], func(e journal.Entry) bool { return e.Seq > last.Seq })
	if !early {
		rest = journal.Chunk{Entries: chunk.Entries[end:], Position: chunk.Position, Done: chunk.Done}
	}
	*chunk = journal.Chunk{Entries: chunk.Entries[:end:end],
		Position: journal.Position{Epoch: chunk.Position.Epoch, Seq: last.Seq, Digest: last.Digest}}
	return rest
}

// oneMessage is how many entries fill one, with the content that may travel with them.
func oneMessage(entries []journal.Entry) int {
	size, n := 0, 0
	for ; n < len(entries) && size < batchTarget; n++ {
		e := &entries[n]
		size += weigh(e)
		if !e.Change.Gone && e.Change.Node.Body.Size <= MaxInline {
			size += int(e.Change.Node.Body.Size) + bodyHead
		}
	}
	return n
}
