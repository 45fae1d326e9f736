package metrics

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is the figures of this process. What cannot be read is left out.
func Process() []Family {
	var usage syscall.Rusage
	families := append(memory(), network()...)
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		families = append(families, One("process_cpu_seconds_total", Counter, "Total user and system CPU time spent in seconds.",
			time.Duration(usage.Utime.Nano()+usage.Stime.Nano()).Seconds()))
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil { // one of them is the reading itself
		families = append(families, One("process_open_fds", Gauge, "Number of open file descriptors.", float64(len(fds)-1)))
	}
	if began, ok := began(); ok {
		families = append(families, One("process_start_time_seconds", Gauge, "Start time of the process since unix epoch in seconds.", began))
	}
	families = appendLimit(families, "process_max_fds", "Maximum number of open file descriptors.", syscall.RLIMIT_NOFILE)
	return appendLimit(families, "process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", syscall.RLIMIT_AS)
}

func appendLimit(families []Family, name, help string, resource int) []Family {
	var limit syscall.Rlimit
	if syscall.Getrlimit(resource, &limit) != nil {
		return families
	}
	return append(families, One(name, Gauge, help, float64(limit.Cur)))
}

// memory reads the first two fields of /proc/self/statm, which are in pages.
func memory() []Family {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return nil
	}
	page := float64(os.Getpagesize())
	return []Family{
		One("process_virtual_memory_bytes", Gauge, "Virtual memory size in bytes.", number(fields[0])*page),
		One("process_resident_memory_bytes", Gauge, "Resident memory size in bytes.", number(fields[1])*page),
	}
}

// network is of the whole network namespace, as /proc/self/net/netstat has it: lines
// in pairs, of names and of values.
func network() []Family {
	text, _ := os.ReadFile("/proc/self/net/netstat")
	figures := make(map[string]float64)
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != len(names) || len(fields) == 0 || fields[0] != names[0] {
			names = fields
			continue
		}
		for i, name := range names {
			figures[fields[0]+name] = number(fields[i])
		}
	}
	if len(figures) == 0 {
		return nil
	}
	return []Family{
		One("process_network_receive_bytes_total", Counter, "Number of bytes received by the process over the network.", figures["IpExt:InOctets"]),
		One("process_network_transmit_bytes_total", Counter, "Number of bytes sent by the process over the network.", figures["IpExt:OutOctets"]),
	}
}

// ticks is how many of /proc's units of time there are in a second, on
// every machine that Linux runs on (USER_HZ).
const ticks = 100

// began is when the process did: ticks after the start of the machine, which
// /proc/stat knows to the second, and always says alike.
func began() (float64, bool) {
	self, _ := os.ReadFile("/proc/self/stat")
	rest := string(self)
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:]) // from the third on: the second may hold blanks
	machine, _ := os.ReadFile("/proc/stat")
	_, boot, found := strings.Cut(string(machine), "\nbtime ")
	if len(fields) < 20 || !found {
		return 0, false
	}
	boot, _, _ = strings.Cut(boot, "\n")
	return number(boot) + number(fields[22-3])/ticks, true
}

// number is zero for what is none.
func number(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}
