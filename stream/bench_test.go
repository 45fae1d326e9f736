package stream

import (
	"context"
	"fmt"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

func manyEntries(n, inline int) Batch {
	b := Batch{Position: somePosition(), Bodies: map[journal.NodeID]Inline{}}
	for i := range n {
		id := journal.NodeID(i + 2)
		b.Entries = append(b.Entries, journal.Entry{Seq: journal.Seq(i + 1), Path: fmt.Sprintf("src/cmd/compile/internal/file%d.go", i),
			BodySeq: journal.Seq(i + 1), PlaceSeq: journal.Seq(i + 1), Digest: journal.SumOf(&journal.Node{ID: id}).Digest,
			Change: journal.Change{Node: journal.Node{ID: id, Parent: 1, Name: fmt.Sprintf("file%d.go", i), Kind: journal.File, Mode: 0o644,
				UID: 1000, GID: 1000, MTime: journal.Time{Sec: 1_790_000_000 + int64(i), Nsec: 1234567},
				Body: journal.Content{Generation: uint64(i), Size: int64(inline), Digest: journal.SumOf(&journal.Node{ID: id + 1}).Digest}}}})
		if inline > 0 {
			b.Bodies[id] = Inline{Bytes: make([]byte, inline)}
		}
	}
	return b
}

func BenchmarkEncodeBatch(b *testing.B) {
	batch := manyEntries(500, 0)
	p := part{entries: batch.Entries, position: batch.Position, weight: 500 * 256}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.message(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
	}
	perEntry(b, 500)
}

func BenchmarkDecodeBatch(b *testing.B) {
	c := mustCodec(b)
	batch := manyEntries(500, 0)
	message, err := c.pack(kindBatch, toBatch(&batch))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.decodeBatch(message[2:]); err != nil {
			b.Fatal(err)
		}
	}
	perEntry(b, 500)
}

func perEntry(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
}

func BenchmarkSqueezeBatch(b *testing.B) {
	c := mustCodec(b)
	batch := manyEntries(500, 0)
	message, err := c.pack(kindBatch, toBatch(&batch))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		c.squeeze(message)
	}
}

func BenchmarkContentFrame(b *testing.B) {
	c := mustCodec(b)
	bytes := make([]byte, MaxContent)
	b.SetBytes(MaxContent)
	b.ReportAllocs()
	for b.Loop() {
		message, err := c.pack(kindContent, wireContent{Request: 1, Bytes: bytes})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.decodeContent(message[2:]); err != nil {
			b.Fatal(err)
		}
	}
}
