package metrics

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"
)

// Runtime is the figures of the Go runtime. It stops nothing.
func Runtime() []Family {
	threads, _ := runtime.ThreadCreateProfile(nil)
	families := []Family{
		One("go_goroutines", Gauge, "Number of goroutines that currently exist.", float64(runtime.NumGoroutine())),
		One("go_threads", Gauge, "Number of OS threads created.", float64(threads)),
		{"go_info", Gauge, "Information about the Go environment.", []Sample{{Labels: []string{"version", runtime.Version()}, Value: 1}}},
	}
	for _, s := range sums {
		families = append(families, One(s.name, kindOf(s.name), s.help, s.value()))
	}
	return append(families, collections()...)
}

// collections is what is known of garbage collections.
func collections() []Family {
	stats := debug.GCStats{PauseQuantiles: make([]time.Duration, 5)}
	debug.ReadGCStats(&stats)
	const name = "go_gc_duration_seconds"
	pauses := Family{name, Summary, "A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.", nil}
	for i, at := range []string{"0", "0.25", "0.5", "0.75", "1"} {
		pauses.Samples = append(pauses.Samples, Sample{Labels: []string{"quantile", at}, Value: stats.PauseQuantiles[i].Seconds()})
	}
	pauses.Samples = append(pauses.Samples, Sample{Suffix: "_sum", Value: stats.PauseTotal.Seconds()}, Sample{Suffix: "_count", Value: float64(stats.NumGC)})
	last := One("go_memstats_last_gc_time_seconds", Gauge, "Number of seconds since 1970 of last garbage collection.", float64(stats.LastGC.UnixNano())/1e9)
	return []Family{pauses, last}
}

// kindOf knows a counter by its name.
func kindOf(name string) Kind {
	if strings.HasSuffix(name, "_total") {
		return Counter
	}
	return Gauge
}

// sum is a figure that is the sum of some of [runtime/metrics]: its text says
// of which, and that is where they are taken from.
type sum struct{ name, help string }

func (s sum) value() float64 {
	var parts []metrics.Sample
	for word := range strings.FieldsSeq(s.help) {
		if word[0] == '/' {
			parts = append(parts, metrics.Sample{Name: strings.TrimSuffix(word, ".")})
		}
	}
	metrics.Read(parts)
	total := 0.0
	for _, p := range parts {
		if p.Value.Kind() == metrics.KindUint64 {
			total += float64(p.Value.Uint64())
		}
	}
	return total
}

var sums = [...]sum{
	{"go_gc_gogc_percent", "Heap size target percentage configured by the user, otherwise 100. This value is set by the GOGC environment variable, and the runtime/debug.SetGCPercent function. Sourced from /gc/gogc:percent."},
	{"go_gc_gomemlimit_bytes", "Go runtime memory limit configured by the user, otherwise math.MaxInt64. This value is set by the GOMEMLIMIT environment variable, and the runtime/debug.SetMemoryLimit function. Sourced from /gc/gomemlimit:bytes."},
	{"go_memstats_alloc_bytes", "Number of bytes allocated in heap and currently in use. Equals to /memory/classes/heap/objects:bytes."},
	{"go_memstats_alloc_bytes_total", "Total number of bytes allocated in heap until now, even if released already. Equals to /gc/heap/allocs:bytes."},
	{"go_memstats_buck_hash_sys_bytes", "Number of bytes used by the profiling bucket hash table. Equals to /memory/classes/profiling/buckets:bytes."},
	{"go_memstats_frees_total", "Total number of heap objects frees. Equals to /gc/heap/frees:objects + /gc/heap/tiny/allocs:objects."},
	{"go_memstats_gc_sys_bytes", "Number of bytes used for garbage collection system metadata. Equals to /memory/classes/metadata/other:bytes."},
	{"go_memstats_heap_alloc_bytes", "Number of heap bytes allocated and currently in use, same as go_memstats_alloc_bytes. Equals to /memory/classes/heap/objects:bytes."},
	{"go_memstats_heap_idle_bytes", "Number of heap bytes waiting to be used. Equals to /memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes."},
	{"go_memstats_heap_inuse_bytes", "Number of heap bytes that are in use. Equals to /memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes"},
	{"go_memstats_heap_objects", "Number of currently allocated objects. Equals to /gc/heap/objects:objects."},
	{"go_memstats_heap_released_bytes", "Number of heap bytes released to OS. Equals to /memory/classes/heap/released:bytes."},
	{"go_memstats_heap_sys_bytes", "Number of heap bytes obtained from system. Equals to /memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes + /memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes."},
	{"go_memstats_mallocs_total", "Total number of heap objects allocated, both live and gc-ed. Semantically a counter version for go_memstats_heap_objects gauge. Equals to /gc/heap/allocs:objects + /gc/heap/tiny/allocs:objects."},
	{"go_memstats_mcache_inuse_bytes", "Number of bytes in use by mcache structures. Equals to /memory/classes/metadata/mcache/inuse:bytes."},
	{"go_memstats_mcache_sys_bytes", "Number of bytes used for mcache structures obtained from system. Equals to /memory/classes/metadata/mcache/inuse:bytes + /memory/classes/metadata/mcache/free:bytes."},
	{"go_memstats_mspan_inuse_bytes", "Number of bytes in use by mspan structures. Equals to /memory/classes/metadata/mspan/inuse:bytes."},
	{"go_memstats_mspan_sys_bytes", "Number of bytes used for mspan structures obtained from system. Equals to /memory/classes/metadata/mspan/inuse:bytes + /memory/classes/metadata/mspan/free:bytes."},
	{"go_memstats_next_gc_bytes", "Number of heap bytes when next garbage collection will take place. Equals to /gc/heap/goal:bytes."},
	{"go_memstats_other_sys_bytes", "Number of bytes used for other system allocations. Equals to /memory/classes/other:bytes."},
	{"go_memstats_stack_inuse_bytes", "Number of bytes obtained from system for stack allocator in non-CGO environments. Equals to /memory/classes/heap/stacks:bytes."},
	{"go_memstats_stack_sys_bytes", "Number of bytes obtained from system for stack allocator. Equals to /memory/classes/heap/stacks:bytes + /memory/classes/os-stacks:bytes."},
	{"go_memstats_sys_bytes", "Number of bytes obtained from system. Equals to /memory/classes/total:bytes."},
	{"go_sched_gomaxprocs_threads", "The current runtime.GOMAXPROCS setting, or the number of operating system threads that can execute user-level Go code simultaneously. Sourced from /sched/gomaxprocs:threads."},
}
