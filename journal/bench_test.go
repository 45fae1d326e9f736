package journal_test

import (
	"fmt"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// BenchmarkAppend is durable appends in batches, one flush each: of new files,
// and of new content in known ones.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 1000, 4000} {
		b.Run(fmt.Sprint("new/", size), func(b *testing.B) {
			j := MustNew(b)
			parent := j.NewID()
			MustAppend(b, j, dir(parent, 1, "d"))
			appendBatches(b, j, make([]journal.Change, size), func(batch []journal.Change) {
				for i := range batch {
					id := j.NewID()
					batch[i] = file(id, parent, fmt.Sprintf("some-file-%d.go", id), byte(id))
				}
			})
		})
		b.Run(fmt.Sprint("edited/", size), func(b *testing.B) {
			j := MustNew(b)
			batch := wideTree(b, j, size)
			appendBatches(b, j, batch, func(batch []journal.Change) {
				for i := range batch {
					batch[i].Node.Body.Digest[1]++
				}
			})
		})
	}
}

func appendBatches(b *testing.B, j *journal.Journal, batch []journal.Change, next func([]journal.Change)) {
	b.ReportAllocs()
	for b.Loop() {
		next(batch)
		MustAppend(b, j, batch...)
	}
	b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "changes/s")
}

// wideTree appends files, ten in each directory two levels deep, and returns them.
func wideTree(b *testing.B, j *journal.Journal, files int) (made []journal.Change) {
	b.Helper()
	var parent journal.NodeID
	var batch []journal.Change
	for i := range files {
		if i%10 == 0 {
			top := j.NewID()
			parent = j.NewID()
			batch = append(batch, dir(top, 1, fmt.Sprint("top-", top)), dir(parent, top, "inner"))
		}
		id := j.NewID()
		made = append(made, file(id, parent, fmt.Sprintf("some-file-%d.go", id), byte(id)))
		batch = append(batch, made[i])
		if len(batch) > 5000 || i == files-1 {
			MustAppend(b, j, batch...)
			batch = nil
		}
	}
	return made
}

// BenchmarkRead is catch-up reads: the log from its beginning, and all nodes;
// in parts as a server asks for them.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		from func(*journal.Journal) *journal.Cursor
		part int
	}{
		{"follow/500", func(j *journal.Journal) *journal.Cursor { return j.Follow(0, nil) }, 500},
		{"follow/5000", func(j *journal.Journal) *journal.Cursor { return j.Follow(0, nil) }, 5000},
		{"all/500", func(j *journal.Journal) *journal.Cursor { return j.All(nil) }, 500},
	} {
		b.Run(c.name, func(b *testing.B) {
			j := MustNew(b)
			wideTree(b, j, 20000)
			b.ReportAllocs()
			read := 0
			for b.Loop() {
				read += readOut(b, c.from(j), c.part)
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func readOut(b *testing.B, c *journal.Cursor, part int) (read int) {
	for {
		chunk, err := c.Next(ctx, part)
		if err != nil {
			b.Fatal(err)
		}
		read += len(chunk.Entries)
		if chunk.Done {
			return read
		}
	}
}

// BenchmarkLastOfMany is a thousand changes at the end of a large journal, and
// what else a city that comes back costs: it must not follow the tree's size.
func BenchmarkLastOfMany(b *testing.B) {
	j := MustNew(b)
	files := wideTree(b, j, 100_000)
	since := j.Position()
	for i := range files[:1000] {
		files[i].Node.Body.Digest[1]++
	}
	MustAppend(b, j, files[:1000]...)
	b.Run("follow", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n := readOut(b, j.Follow(since.Seq, nil), 500); n != 1000 {
				b.Fatalf("read %d entries", n)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v, err := j.Check(ctx, since); err != nil || v != journal.Resumable {
				b.Fatal(v, err)
			}
		}
	})
	b.Run("scope digest", func(b *testing.B) {
		path := MustPath(b, j, files[500].Node.Parent)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := j.ScopeDigest(ctx, []string{path}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkChildren is what a walk asks of every directory.
func BenchmarkChildren(b *testing.B) {
	j := MustNew(b)
	files := wideTree(b, j, 1000)
	b.ReportAllocs()
	read := 0
	for b.Loop() {
		for i := 0; i < len(files); i += 10 {
			rows, err := j.Children(ctx, files[i].Node.Parent)
			if err != nil {
				b.Fatal(err)
			}
			read += len(rows)
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "nodes/s")
}
