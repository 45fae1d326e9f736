package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hydrasync/hydrasync/applier"
	"golang.org/x/sys/unix"
)

// place is a directory by its identity, however it is named.
type place struct {
	path string // absolute, symbolic links resolved
	dev  uint64
	ino  uint64
}

// findPlace resolves a directory that has to exist.
func findPlace(path string) (place, error) {
	real, err := filepath.Abs(path)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return place{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat(real, &st); err != nil {
		return place{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return place{}, &os.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	}
	return place{real, uint64(st.Dev), st.Ino}, nil
}

// findSource resolves a tree's root.
func findSource(path string) (place, error) {
	p, err := findPlace(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return p, usage("check the path; the source has to exist", "source %s does not exist", strconv.Quote(path))
	case errors.Is(err, unix.ENOTDIR):
		return p, usage("a tree is a directory; name the one that the file is in", "source %s is not a directory", strconv.Quote(path))
	case err != nil:
		return p, usage("check the path and its permissions", "source %s: %w", strconv.Quote(path), err)
	}
	return p, nil
}

// target is where a replica goes: it exists, or the directory above does.
type target struct {
	place        // of the directory, or of the one above it
	name  string // what is to be made in place; "" if it exists
}

// path is where the replica is going to be.
func (t target) full() string { return filepath.Join(t.path, t.name) }

// findTarget resolves a destination and refuses what can be none.
func findTarget(path string) (target, error) {
	p, err := findPlace(path)
	t := target{place: p}
	if errors.Is(err, unix.ENOENT) {
		t, err = findParent(path)
	}
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return t, usage("name a directory, or a name that is not taken", "destination %s is not a directory", strconv.Quote(path))
	case errors.Is(err, unix.ENOENT):
		return t, usage("make the directory above it first: mkdir -p "+strconv.Quote(filepath.Dir(path)),
			"the directory above destination %s does not exist", strconv.Quote(path))
	case err != nil:
		return t, usage("check the path and its permissions", "destination %s: %w", strconv.Quote(path), err)
	}
	if slices.Contains(strings.Split(t.full(), "/"), applier.StateName) {
		return t, usage("name a directory outside of "+applier.StateName, "destination %s is where hydrasync keeps its own things", strconv.Quote(path))
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(t.path, &fs); err == nil && fs.Flags&unix.ST_RDONLY != 0 {
		return t, usage("mount it for writing, or name another destination", "destination %s is on a read-only file system", strconv.Quote(path))
	}
	return t, nil
}

// findParent is for a destination that is not there. A dangling link is not nothing.
func findParent(path string) (target, error) {
	if _, err := os.Lstat(path); err == nil {
		return target{}, fmt.Errorf("%s is a link that leads nowhere", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return target{}, err
	}
	p, err := findPlace(filepath.Dir(abs))
	return target{p, filepath.Base(abs)}, err
}

// ancestors are the place itself and every directory above it, by identity.
func (p place) ancestors() ([]place, error) {
	chain := []place{p}
	for dir := p.path; dir != "/"; {
		dir = filepath.Dir(dir)
		above, err := findPlace(dir)
		if err != nil {
			return nil, err
		}
		chain = append(chain, above)
	}
	return chain, nil
}

// same says that two places are one directory.
func (p place) same(o place) bool { return p.dev == o.dev && p.ino == o.ino }

// inside says that p is o or lies beneath it, also where a bind mount shows one
// of them under another name.
func (p place) inside(o place) (bool, error) {
	chain, err := p.ancestors()
	if err != nil {
		return false, err
	}
	for _, above := range chain {
		if above.same(o) {
			return true, nil
		}
	}
	mounts, err := readMounts()
	if err != nil {
		return false, err
	}
	return mounts.reaches(o.path, p.path), nil
}
