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

// worthFreeing is how much the heap has to have grown before a collection is
// worth its milliseconds: a change now and then stays beneath it.
const worthFreeing = 8 << 20

// calm gives memory back after each burst of changes in j.
func calm(ctx context.Context, j *journal.Journal) error {
	kept := uint64(0)
	for {
		seq := j.Position().Seq
		if !pause(ctx, calmAfter) {
			return nil
		}
		if j.Position().Seq != seq {
			continue
		}
		kept = free(kept)
		if err := j.Wait(ctx, seq); err != nil {
			return nil // closed, or ctx ended
		}
	}
}

// free collects and gives back, if the heap takes much more of the system than
// the kept bytes after the last time; it returns what is kept now.
func free(kept uint64) uint64 {
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapSys-m.HeapReleased < kept+worthFreeing {
		return kept
	}
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
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
