package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hydrasync/hydrasync/applier"
)

// checkPair refuses a source and a destination that would feed each other.
func checkPair(src place, dst target) error {
	names := fmt.Sprintf("destination %s", strconv.Quote(dst.full()))
	if dst.name == "" && src.same(dst.place) {
		return usage("name two different directories", "source and %s are the same directory", names)
	}
	inside, err := dst.inside(src)
	if err != nil {
		return fmt.Errorf("compare source and destination: %w", err)
	}
	if inside {
		return usage("a replica inside its source would be replicated again and again; put it elsewhere", "%s is inside the source", names)
	}
	if dst.name != "" {
		return nil
	}
	inside, err = src.inside(dst.place)
	if err != nil {
		return fmt.Errorf("compare source and destination: %w", err)
	}
	if inside {
		return usage("the replica would overwrite its own source; put it elsewhere", "the source is inside %s", names)
	}
	return nil
}

// checkState refuses a state folder that would be replicated, or replaced.
func checkState(state string, src place) error {
	at, err := nearest(state)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	inside, err := at.inside(src)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if inside {
		return usage("name a folder outside of it: --state DIR", "state folder %s is inside the source", strconv.Quote(state))
	}
	return nil
}

// nearest is the directory itself, or the first one above it that exists.
func nearest(path string) (place, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	for {
		p, err := findPlace(abs)
		if err == nil || !os.IsNotExist(err) || abs == "/" {
			return p, err
		}
		abs = filepath.Dir(abs)
	}
}

// replica says whether a directory is a city's destination.
func replica(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, applier.StateName, "journal.db"))
	return err == nil
}
