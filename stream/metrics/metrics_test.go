package metrics_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/stream/metrics"
)

func TestAppendWritesTheTextFormat(t *testing.T) {
	got := string(metrics.Append([]byte("# before\n"), []metrics.Family{
		{Name: "z", Kind: metrics.Gauge, Help: "never shown"},
		{Name: "b", Kind: metrics.Gauge, Help: "two\nlines, a \\ and a \"", Samples: []metrics.Sample{
			{Labels: []string{"city", "a\"b", "tree", "c\\d\ne,f}"}, Value: -1.5},
			{Labels: []string{"city", "é", "tree", ""}, Value: 1e21},
		}},
		{Name: "c", Kind: metrics.Summary, Help: "pauses", Samples: []metrics.Sample{
			{Labels: []string{"quantile", "0.5"}, Value: math.NaN()}, {Suffix: "_sum", Value: math.Inf(1)}, {Suffix: "_count", Value: 3}}},
		metrics.One("a_total", metrics.Counter, "first", math.MaxInt64),
	}))
	const want = `# before
# HELP a_total first
# TYPE a_total counter
a_total 9.223372036854776e+18
# HELP b two\nlines, a \\ and a "
# TYPE b gauge
b{city="a\"b",tree="c\\d\ne,f}"} -1.5
b{city="é",tree=""} 1e+21
# HELP c pauses
# TYPE c summary
c{quantile="0.5"} NaN
c_sum +Inf
c_count 3
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// values are the families without labels, by name.
func values(families []metrics.Family) map[string]float64 {
	v := make(map[string]float64)
	for _, f := range families {
		for _, s := range f.Samples {
			v[f.Name+s.Suffix] = s.Value
		}
	}
	return v
}

// TestRuntimeSaysWhatMemStatsSay asks again where something was allocated or collected
// between the two looks.
func TestRuntimeSaysWhatMemStatsSay(t *testing.T) {
	var wrong []string
	for range 100 {
		if wrong = unlikeMemStats(); len(wrong) == 0 {
			break
		}
	}
	for _, text := range wrong {
		t.Error(text)
	}
	if last := values(metrics.Runtime())["go_memstats_last_gc_time_seconds"]; math.Abs(last-float64(time.Now().Unix())) > 60 {
		t.Errorf("last collection at %v", last)
	}
}

// unlikeMemStats lists what two looks in a row differ in.
func unlikeMemStats() (wrong []string) {
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	v := values(metrics.Runtime())
	for name, want := range map[string]uint64{
		"go_memstats_alloc_bytes": ms.Alloc, "go_memstats_alloc_bytes_total": ms.TotalAlloc,
		"go_memstats_buck_hash_sys_bytes": ms.BuckHashSys, "go_memstats_frees_total": ms.Frees,
		"go_memstats_gc_sys_bytes": ms.GCSys, "go_memstats_heap_alloc_bytes": ms.HeapAlloc,
		"go_memstats_heap_idle_bytes": ms.HeapIdle, "go_memstats_heap_inuse_bytes": ms.HeapInuse,
		"go_memstats_heap_objects": ms.HeapObjects, "go_memstats_heap_sys_bytes": ms.HeapSys, "go_memstats_mallocs_total": ms.Mallocs,
		"go_memstats_mcache_inuse_bytes": ms.MCacheInuse, "go_memstats_mcache_sys_bytes": ms.MCacheSys,
		"go_memstats_mspan_inuse_bytes": ms.MSpanInuse, "go_memstats_mspan_sys_bytes": ms.MSpanSys,
		"go_memstats_next_gc_bytes": ms.NextGC, "go_memstats_other_sys_bytes": ms.OtherSys,
		"go_memstats_stack_inuse_bytes": ms.StackInuse, "go_memstats_stack_sys_bytes": ms.StackSys,
		"go_memstats_sys_bytes": ms.Sys, "go_gc_duration_seconds_count": uint64(ms.NumGC),
		"go_goroutines": uint64(runtime.NumGoroutine()), "go_sched_gomaxprocs_threads": uint64(runtime.GOMAXPROCS(0)),
		"go_gc_gogc_percent": 100, "go_gc_gomemlimit_bytes": math.MaxInt64, "go_info": 1,
	} {
		got, ok := v[name]
		if !ok || got == 0 || math.Abs(got-float64(want)) > float64(want)/5+1<<16 { // the asking allocates
			wrong = append(wrong, fmt.Sprintf("%s: got %v (%v), want about %d", name, got, ok, want))
		}
	}
	return wrong
}

func TestProcessKnowsItself(t *testing.T) {
	before := values(metrics.Process())
	f, err := os.Open("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	touched, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(touched)
	for i := range touched {
		touched[i] = 1
	}
	after := values(metrics.Process())
	if got := after["process_open_fds"] - before["process_open_fds"]; got != 1 {
		t.Errorf("one more file is open, got %v more", got)
	}
	// no upper bounds: a thread that begins meanwhile reserves an arena of its own
	for _, name := range []string{"process_resident_memory_bytes", "process_virtual_memory_bytes"} {
		if grew := after[name] - before[name]; grew < 48<<20 {
			t.Errorf("%s: got %v, %v more than before", name, after[name], grew)
		}
	}
	if r, v := after["process_resident_memory_bytes"], after["process_virtual_memory_bytes"]; r > v {
		t.Errorf("%v bytes resident of %v", r, v)
	}
	began := after["process_start_time_seconds"]
	if age := float64(time.Now().UnixNano())/1e9 - began; age < -2 || age > 3600 || began != before["process_start_time_seconds"] {
		t.Errorf("began %v seconds ago", age)
	}
	if cpu := after["process_cpu_seconds_total"]; cpu <= 0 || cpu < before["process_cpu_seconds_total"] || cpu > 3600 {
		t.Errorf("%v seconds of CPU", cpu)
	}
	for _, name := range []string{"process_max_fds", "process_virtual_memory_max_bytes"} {
		if after[name] < after["process_open_fds"] {
			t.Errorf("%s: %v", name, after[name])
		}
	}
}
