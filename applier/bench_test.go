package applier_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

// BenchmarkOneSavedFile is the live path: 1 KiB, durable, recorded.
func BenchmarkOneSavedFile(b *testing.B) {
	a := city(b, b.TempDir())
	c := newCapitol()
	f := c.file(c.dir(journal.Root, "d"), "f", "first")
	mustApply(b, a, c.set(), c)
	body := strings.Repeat("x", 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.write(f, fmt.Sprint(body, i))
		mustApply(b, a, c.set(), c)
	}
}

// BenchmarkThousandSmallFiles is one set of a first copy.
func BenchmarkThousandSmallFiles(b *testing.B) {
	a := city(b, b.TempDir())
	c := newCapitol()
	mustApply(b, a, c.set(), c)
	body := strings.Repeat("x", 3000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		top := c.dir(journal.Root, fmt.Sprint("top", i))
		for d := range 50 {
			dir := c.dir(top, fmt.Sprint(d))
			for f := range 20 {
				c.file(dir, fmt.Sprint(f), fmt.Sprint(body, i, d, f))
			}
		}
		s := c.set()
		b.StartTimer()
		mustApply(b, a, s, c)
	}
}

// BenchmarkFirstCopy is 12,800 files and 157 MB, in sets of a thousand, as the
// Go toolchain's src.
func BenchmarkFirstCopy(b *testing.B) {
	body := strings.Repeat("0123456789abcde\n", 12_200/16)
	for b.Loop() {
		b.StopTimer()
		c := newCapitol()
		c.inline = 64 << 10
		a := city(b, b.TempDir())
		mustApply(b, a, c.set(), c)
		var w world
		w.capitol = c
		for d := range 640 {
			dir := c.dir(journal.Root, fmt.Sprint("dir", d))
			for f := range 20 {
				c.file(dir, fmt.Sprint("file", f), fmt.Sprint(d, f, body))
			}
		}
		sets := w.pieces(c.set(), 1000)
		b.StartTimer()
		for _, s := range sets {
			mustApply(b, a, s, c)
		}
	}
}
