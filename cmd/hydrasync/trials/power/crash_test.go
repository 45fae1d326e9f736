package power

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// loss is what a crash does to the writes that no flush came after.
type loss int

const (
	losesNothing loss = iota // the log's order, cut off
	losesAll
	losesWrites // each with probability ½: reordering
	losesBlocks // each block of each write with probability ½: torn writes, too
	losses      // how many there are
)

func (l loss) String() string {
	return [...]string{"in order", "none of the cache", "half of the writes", "half of the blocks"}[l]
}

// crash names one state of a recording.
type crash struct {
	at   int // records of the log that the disk was told
	loss loss
	seed uint64
}

func (c crash) String() string {
	return fmt.Sprintf("power cut after record %d, %s kept, seed %d", c.at, c.loss, c.seed)
}

// crashes are those that this run is to try: HYDRASYNC_STATES says how many, and 0 all.
func (r *recording) crashes(t *testing.T, unset int, seed uint64) []crash {
	t.Helper()
	n := stand.Number(t, "HYDRASYNC_STATES", unset)
	if n == 0 {
		return allCrashes(len(r.log), seed)
	}
	return someCrashes(n, len(r.log), r.history.marks, seed)
}

// allCrashes are all prefixes in all ways.
func allCrashes(length int, seed uint64) (list []crash) {
	for at := range length + 1 {
		for l := range losses {
			list = append(list, crash{at, l, seed + uint64(at)})
		}
	}
	return list
}

// someCrashes are n of them, in the order of the log, half of them
// right after a confirmation: what was promised there must hold at once.
func someCrashes(n, length int, marks []mark, seed uint64) (list []crash) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		c := crash{rng.IntN(length + 1), loss(rng.IntN(int(losses))), rng.Uint64()}
		if i%2 == 0 && len(marks) > 0 {
			c.at = min(length, marks[rng.IntN(len(marks))].at+rng.IntN(3))
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b crash) int { return a.at - b.at })
	return list
}

// replay makes crash states of one recording, one after the other in the
// order of the log.
type replay struct {
	log     []record
	flushed blocks // the content with all records before the position below
	upto    int
}

func newReplay(before blocks, log []record) *replay {
	return &replay{log: log, flushed: maps.Clone(before)}
}

// state is the disk after a crash, which must not lie before the last one asked for.
func (r *replay) state(c crash) blocks {
	last := r.upto
	for i := c.at - 1; i >= r.upto; i-- {
		if r.log[i].flush() {
			last = i
			break
		}
	}
	for ; r.upto < last; r.upto++ {
		r.flushed.write(r.log[r.upto].data, r.log[r.upto].at)
	}
	disk := maps.Clone(r.flushed)
	rng := rand.New(rand.NewPCG(c.seed, 2))
	for _, w := range r.log[r.upto:c.at] {
		c.loss.write(disk, w, rng)
	}
	return disk
}

func (l loss) write(disk blocks, w record, rng *rand.Rand) {
	switch {
	case l == losesNothing || l == losesWrites && rng.IntN(2) == 0:
		disk.write(w.data, w.at)
	case l == losesBlocks:
		for data, at := w.data, w.at; len(data) > 0; {
			n := min(int64(len(data)), blockSize-at%blockSize)
			if rng.IntN(2) == 0 {
				disk.write(data[:n], at)
			}
			data, at = data[n:], at+n
		}
	}
}
