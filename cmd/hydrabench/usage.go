package main

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is what processes take, as /proc tells (proc_pid_stat(5), proc_pid_status(5),
// proc_pid_smaps(5)).
type usage struct {
	resident int64         // bytes now, all together
	once     int64         // the same, pages that several have counted once
	peak     int64         // bytes, the sum of what each had at most
	cpu      time.Duration // so far, of children that ended too
}

// tick is the unit of CPU times in /proc: USER_HZ, 100 on every Linux that Go runs on.
const tick = time.Second / 100

// usageOf adds up the groups of all processes.
func usageOf(processes []*process) (sum usage) {
	var groups []int
	for _, p := range processes {
		groups = append(groups, p.pid())
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// After the name in brackets, which may hold anything: state, ppid, pgrp, …
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 15 || !slices.Contains(groups, number(fields[2])) {
			continue
		}
		for _, f := range fields[11:15] { // utime stime cutime cstime
			sum.cpu += time.Duration(number(f)) * tick
		}
		sum.memory(filepath.Dir(file))
	}
	return sum
}

func (u *usage) memory(proc string) {
	for key, bytes := range sizes(proc + "/status") {
		switch key {
		case "VmRSS":
			u.resident += bytes
		case "VmHWM":
			u.peak += bytes
		}
	}
	for key, bytes := range sizes(proc + "/smaps_rollup") {
		if key == "Pss" {
			u.once += bytes
		}
	}
}

// sizes are the lines "KEY: N kB" of a file, in bytes.
func sizes(file string) iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			if kib, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok && !yield(key, int64(number(kib))<<10) {
				return
			}
		}
	}
}

// readBytes is what a process has read with system calls, from files and sockets.
func readBytes(pid int) int64 {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "rchar: "); ok {
			return int64(number(strings.TrimSpace(value)))
		}
	}
	return 0
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // the kernel writes numbers
	return n
}
