package main

import (
	"runtime"
	"testing"
)

// taken is what the heap takes of the system.
func taken() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}

// TestMemoryThatABurstHeldIsGivenBack: the first look comes in the middle of the
// burst, as when a journal stands still while contents are fetched.
func TestMemoryThatABurstHeldIsGivenBack(t *testing.T) {
	const held = 64 << 20
	before := taken()
	burst := make([]byte, held)
	for i := range burst {
		burst[i] = 1
	}
	allocated := free(0)
	if during := taken(); during < held {
		t.Fatalf("the heap takes %d bytes with %d in use", during, held)
	}
	runtime.KeepAlive(burst)
	burst = nil
	runtime.GC() // frees within the heap only
	var last []byte
	for range 16 {
		last = make([]byte, 1<<20)
	}
	runtime.KeepAlive(last)
	free(allocated)
	if after := taken(); after > before+held/2 {
		t.Errorf("the heap takes %d bytes after the burst, %d before it", after, before)
	}
}

func TestACollectionHasToBeWorthIt(t *testing.T) {
	var m runtime.MemStats
	allocated := free(0)
	runtime.ReadMemStats(&m)
	collected := m.NumForcedGC
	free(allocated)
	if runtime.ReadMemStats(&m); m.NumForcedGC != collected {
		t.Error("collected although nothing was allocated")
	}
}
