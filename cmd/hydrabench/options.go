package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

// defaultPatience is longer than the slowest peer was ever seen to take.
const defaultPatience = 3 * time.Minute

// options are what the flags say.
type options struct {
	rows, who  []string
	full, list bool
	quick      bool
	rounds     int
	dir        string
	program    string
	patience   time.Duration
	json, svg  string
}

// measure is a whole run.
func (o *options) measure(ctx context.Context, out, progress io.Writer) error {
	rows, err := o.chosen(allRows())
	if err != nil {
		return err
	}
	l, err := o.open(progress)
	if err != nil {
		return err
	}
	defer os.RemoveAll(l.dir)
	t := &report.Table{Machine: machine(l.dir), Hydrasync: version(l.program), Rounds: l.rounds, Quick: l.quick}
	for _, r := range rows {
		one, err := l.run(ctx, r)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, one)
	}
	if err := o.write(t, out); err != nil {
		return err
	}
	return ourFailures(t)
}

// ourFailures is an error if hydrasync could not do a row's work.
func ourFailures(t *report.Table) error {
	var failed []string
	for _, r := range t.Rows {
		for _, l := range r.Lines {
			if l.Who == hydrasync && (len(l.Failures) > 0 || l.Absent != "") {
				failed = append(failed, r.Name)
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("hydrasync failed at %s", strings.Join(failed, ", "))
	}
	return nil
}

func (o *options) chosen(all []*row) (chosen []*row, err error) {
	for _, name := range o.rows {
		if !slices.ContainsFunc(all, func(r *row) bool { return r.name == name }) {
			return nil, fmt.Errorf("there is no row %q; --list lists them", name)
		}
	}
	for _, r := range all {
		if slices.Contains(o.rows, r.name) || len(o.rows) == 0 && (o.full || !r.large) {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}

// open finds what is to be measured and makes a directory to do it in.
func (o *options) open(progress io.Writer) (*lab, error) {
	if o.rounds < 1 {
		return nil, errors.New("--rounds has to be 1 at least")
	}
	program, err := o.find()
	if err != nil {
		return nil, err
	}
	dir, err := onDisk(o.dir)
	if err != nil {
		return nil, err
	}
	l := &lab{program: program, rounds: o.rounds, quick: o.quick, patience: o.patience, progress: progress, kept: make(map[string]string)}
	for _, c := range append([]*contestant{newHydrasync(program)}, newPeers()...) {
		if len(o.who) == 0 || slices.Contains(o.who, c.name) {
			l.contestants = append(l.contestants, c)
		}
	}
	for _, name := range o.who {
		if !slices.ContainsFunc(l.contestants, func(c *contestant) bool { return c.name == name }) {
			return nil, fmt.Errorf("there is no contestant %q", name)
		}
	}
	if l.dir, err = os.MkdirTemp(dir, "hydrabench-"); err != nil {
		return nil, err
	}
	return l, nil
}

// find is the binary to measure, as an absolute path.
func (o *options) find() (string, error) {
	if o.program != "" {
		if _, err := os.Stat(o.program); err != nil {
			return "", fmt.Errorf("find hydrasync: %w", err)
		}
		return filepath.Abs(o.program)
	}
	if own, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(own), "hydrasync")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	found, err := exec.LookPath("hydrasync")
	if err != nil {
		return "", fmt.Errorf("find hydrasync: %w; give --hydrasync PATH", err)
	}
	return filepath.Abs(found)
}

// onDisk refuses a directory in memory, where nothing is ever flushed.
func onDisk(dir string) (string, error) {
	if dir != "" {
		if inMemory(dir) {
			return "", fmt.Errorf("%s is in memory; give --dir a directory on a disk", dir)
		}
		return filepath.Abs(dir)
	}
	for _, dir := range []string{os.TempDir(), "/var/tmp", "."} {
		if !inMemory(dir) {
			return filepath.Abs(dir)
		}
	}
	return "", errors.New("there is no disk to make trees on; give --dir")
}

func inMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC)
}

// fileSystems that people measure on (statfs(2)).
var fileSystems = map[int64]string{unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay", 0x2fc12fc1: "zfs"}

// machine is what a reader has to know to compare.
func machine(dir string) string {
	var fs unix.Statfs_t
	_ = unix.Statfs(dir, &fs)
	name := fileSystems[fs.Type]
	if name == "" {
		name = fmt.Sprintf("file system %#x", fs.Type)
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d cores, Linux %s, %s", runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), name)
}

func version(program string) string {
	out, err := exec.Command(program, "version").Output()
	if err != nil {
		return filepath.Base(program)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
