package watcher

import (
	"slices"
	"sync"
	"time"
)

const (
	pollEvery = 2 * time.Second // directories without a watch are listed so often at least
	pollShare = 20              // but polling takes at most this part of the time
)

// unwatched are the directories that no event tells of. It may be used from
// many goroutines.
type unwatched struct {
	mu   sync.Mutex
	dirs map[string]string // path → why
}

// add says whether the directory is new in the set.
func (u *unwatched) add(path string, why error) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, known := u.dirs[path]
	if u.dirs == nil {
		u.dirs = map[string]string{}
	}
	u.dirs[path] = why.Error()
	return !known
}

func (u *unwatched) remove(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.dirs, path)
}

func (u *unwatched) size() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.dirs)
}

// list is the paths in order, up to limit, and the reason of the first.
func (u *unwatched) list(limit int) (paths []string, why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for path := range u.dirs {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	if len(paths) > 0 {
		why = u.dirs[paths[0]]
	}
	return paths[:min(limit, len(paths))], why
}
