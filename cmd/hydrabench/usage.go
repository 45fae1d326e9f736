package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is what processes take, as /proc tells (proc_pid_stat(5), proc_pid_status(5)).
type usage struct {
	resident int64         // bytes now, all together
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
	text, _ := os.ReadFile(proc + "/status")
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		kib := int64(number(strings.TrimSuffix(strings.TrimSpace(value), " kB")))
		switch key {
		case "VmRSS":
			u.resident += kib << 10
		case "VmHWM":
			u.peak += kib << 10
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
