package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// calmAfter is how long a journal has to stand still before memory that only
// the burst needed goes back to the system. Longer than the pauses within a
// burst, and than the rooms keep what they may be asked for again.
const calmAfter = 6 * time.Second

// worthFreeing is how much has to have been allocated before it was a burst, whose
// end is worth the milliseconds of a collection: a change now and then stays beneath it.
const worthFreeing = 8 << 20

// calm gives memory back after each burst of changes in j.
func calm(ctx context.Context, j *journal.Journal) error {
	allocated := uint64(0)
	for {
		seq := j.Position().Seq
		if !pause(ctx, calmAfter) {
			return nil
		}
		if j.Position().Seq != seq {
			continue
		}
		allocated = free(allocated)
		if err := j.Wait(ctx, seq); err != nil {
			return nil // closed, or ctx ended
		}
	}
}

// free collects and gives back, if enough was allocated since the last time; it
// returns how much was allocated until now. What the heap takes says nothing:
// the last time may have been in the middle of a burst whose journal stood
// still for a while, with all that the burst held.
func free(allocated uint64) uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.TotalAlloc-allocated < worthFreeing {
		return allocated
	}
	debug.FreeOSMemory()
	journal.FreeOSMemory()
	_, _ = unmapProgram() // without it, only the figure is larger
	return m.TotalAlloc
}

// pause waits, and says whether ctx went on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
