package chunk_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/hydrasync/hydrasync/journal/chunk"
)

const benchSize = 64 << 20

func BenchmarkCut(b *testing.B) {
	content, buf := randomBytes(1, benchSize), make([]byte, 256<<10)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chunk.Cut(bytes.NewReader(content), 17, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCutPredicted(b *testing.B) {
	content := randomBytes(1, benchSize)
	old := mustCut(b, content, 14)
	copy(content[benchSize/2:], randomBytes(2, 64<<10))
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		c := chunk.NewCutter(14)
		c.Predict(old, 0, bytes.NewReader(content))
		for at := 0; at < len(content); at += 256 << 10 {
			_, _ = c.Write(content[at : at+256<<10])
		}
		if _, err := c.List(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommon(b *testing.B) {
	content := randomBytes(1, benchSize)
	old := mustCut(b, content, 14)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if n, _, err := old.Common(context.Background(), bytes.NewReader(content)); n != len(old.Chunks) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	old := mustCut(b, randomBytes(1, 128<<20), 14)
	b.ReportAllocs()
	for b.Loop() {
		if chunk.Missing(chunk.Plan(old, old)) != 0 {
			b.Fatal("bytes are missing")
		}
	}
}
