package journal_test

import (
	"fmt"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// BenchmarkAppend is durable appends of new files in batches, one flush each.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 1000, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			j := MustNew(b)
			parent := j.NewID()
			MustAppend(b, j, dir(parent, 1, "d"))
			batch := make([]journal.Change, size)
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					id := j.NewID()
					batch[i] = file(id, parent, fmt.Sprintf("some-file-%d.go", id), byte(id))
				}
				MustAppend(b, j, batch...)
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkFollow is catch-up reads.
func BenchmarkFollow(b *testing.B) {
	j := MustNew(b)
	var batch []journal.Change
	for range 20000 {
		id := j.NewID()
		batch = append(batch, file(id, 1, fmt.Sprintf("some-file-%d.go", id), byte(id)))
	}
	MustAppend(b, j, batch...)
	b.ReportAllocs()
	read := 0
	for b.Loop() {
		for c := j.Follow(0, nil); ; {
			chunk, err := c.Next(ctx, 1000)
			if err != nil {
				b.Fatal(err)
			}
			read += len(chunk.Entries)
			if chunk.Done {
				break
			}
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "entries/s")
}
