package watcher

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkDirty hears events about many names, several each, and takes them.
func BenchmarkDirty(b *testing.B) {
	const names, events = 4096, 3
	var paths []string
	for i := range names {
		paths = append(paths, fmt.Sprintf("some/directory/%d/name%d", i%40, i))
	}
	d := newDirty()
	b.ReportAllocs()
	for b.Loop() {
		for range events {
			for _, p := range paths {
				d.hear(p, oneName)
			}
		}
		for got := 0; got < names; {
			got += len(d.take(time.Now().Add(time.Second), maxLook))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*names*events), "ns/event")
}
