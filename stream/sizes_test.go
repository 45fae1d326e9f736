package stream

import (
	"testing"

	"github.com/hydrasync/hydrasync/journal"
)

func TestWhatACityIsKnownToHave(t *testing.T) {
	const generation = 7
	node := func(gen uint64, size int64) *journal.Node {
		return &journal.Node{ID: 5, Kind: journal.File, Body: journal.Content{Generation: gen, Size: size}}
	}
	for name, row := range map[string]struct {
		now   *journal.Node
		seq   journal.Seq
		since journal.Seq
		want  int64
	}{
		"grown since the city's position":     {node(generation, 150), 20, 10, 100},
		"a city that is further":              {node(generation, 150), 20, 15, 100},
		"a city that had less":                {node(generation, 150), 20, 9, 0},
		"other content":                       {node(generation+1, 150), 20, 10, 0},
		"the same generation, but shorter":    {node(generation, 50), 20, 10, 0},
		"a file that never had a generation":  {node(0, 150), 20, 10, 0},
		"nothing but its name or mode is new": {node(generation, 100), 10, 10, 100},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sizes{}
			s.swap(node(generation, 100), 10, 3)
			if got := s.swap(row.now, row.seq, row.since); got != row.want {
				t.Errorf("got %d bytes, want %d", got, row.want)
			}
		})
	}
}

func TestSizesAreForgottenInTheEnd(t *testing.T) {
	s := &sizes{}
	for i := range 10 * keepSizes {
		s.swap(&journal.Node{ID: journal.NodeID(i + 1), Body: journal.Content{Generation: 1, Size: 1}}, 1, 1)
	}
	if n := len(s.now) + len(s.old); n > 2*keepSizes {
		t.Errorf("%d files are remembered", n)
	}
	if got := s.swap(&journal.Node{ID: 10 * keepSizes, Body: journal.Content{Generation: 1, Size: 2}}, 2, 1); got != 1 {
		t.Errorf("the newest is forgotten: got %d", got)
	}
}
