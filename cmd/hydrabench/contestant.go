package main

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

// The names of contestants, as the table has them.
const (
	hydrasync    = report.Ours
	rsyncOnce    = "rsync -a"
	rsyncFlushed = "rsync -a + sync -f"
	rsyncLoop    = "inotifywait + rsync"
	lsyncd       = "lsyncd"
	syncthing    = "syncthing"
	mutagen      = "mutagen"
)

// contestant does a row's work. Exactly one of copy and follow is there; a floor
// has neither, the row does its work itself.
type contestant struct {
	name    string
	needs   []string // programs on PATH
	durable bool     // what it has done is on the disk when it says so
	carries tree.Aspects
	skip    []string      // names in a root that are its own
	calm    time.Duration // after it is equal, until it has come to rest

	// copy makes dst equal to src once.
	copy func(ctx context.Context, src, dst string) error
	// follow begins to keep dst equal to src, and returns at once.
	follow func(ctx context.Context, p pair) (following, error)
}

// pair is what a follower is given: two directories that exist, and one for its
// own things.
type pair struct {
	src, dst, own string
	capitolFlags  []string // hydrasync's, where a row says so
	cityFlags     []string
	through       func(addr string) (string, error) // puts something between capitol and city
}

// following is a follower at work.
type following interface {
	// away ends the receiving end, back starts it again. Who has one process ends as a whole.
	away() error
	back(ctx context.Context) error
	processes() []*process
	stop()
}

// absent says why a contestant cannot compete here; empty if it can.
func (c *contestant) absent() string {
	for _, program := range c.needs {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not on PATH"
		}
	}
	return ""
}

// saidBy is the end of what processes printed, for when something went wrong.
func saidBy(f following) string {
	var lines []string
	for _, p := range f.processes() {
		lines = append(lines, p.said()...)
	}
	return strings.Join(lines, "\n")
}

// single is a follower that is one process.
type single struct {
	start func(ctx context.Context) (*process, error)
	p     *process
}

func followSingle(ctx context.Context, start func(context.Context) (*process, error)) (following, error) {
	s := &single{start: start}
	return s, s.back(ctx)
}

func (s *single) away() error {
	s.p.stop()
	return nil
}

func (s *single) back(ctx context.Context) (err error) {
	p, err := s.start(ctx)
	if err == nil {
		s.p = p
	}
	return err
}

func (s *single) processes() []*process {
	if s.p == nil {
		return nil
	}
	return []*process{s.p}
}

func (s *single) stop() {
	if s.p != nil {
		s.p.stop()
	}
}
