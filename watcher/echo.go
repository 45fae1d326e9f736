package watcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// echoes are files that are made so that their events come: see [Watcher.Barrier].
type echoes struct {
	dir string

	mu      sync.Mutex
	waiting map[string]chan struct{} // by the file's path
}

func newEchoes(dir string) (*echoes, error) {
	if dir == "" {
		return nil, nil
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("make folder for echoes: %w", err)
	}
	return &echoes{dir: dir, waiting: make(map[string]chan struct{})}, nil
}

// call makes a file; what it returns is closed when its event has come.
func (e *echoes) call() (<-chan struct{}, error) {
	if e == nil {
		return nil, errors.New("no folder for echoes is configured")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := os.CreateTemp(e.dir, "echo-")
	if err != nil {
		return nil, fmt.Errorf("make echo: %w", err)
	}
	heard := make(chan struct{})
	e.waiting[f.Name()] = heard
	return heard, errors.Join(f.Close(), os.Remove(f.Name()))
}

// hear says whether an event was an echo's.
func (e *echoes) hear(path string) bool {
	if e == nil || filepath.Dir(path) != e.dir {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if heard := e.waiting[path]; heard != nil {
		close(heard)
		delete(e.waiting, path)
	}
	return true
}
