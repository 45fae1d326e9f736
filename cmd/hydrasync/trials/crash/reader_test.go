package crash

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reader reads a replica all the while, as its users do, and remembers the
// first thing that none of them may ever see.
type reader struct {
	root  string
	quit  chan struct{}
	done  sync.WaitGroup
	reads int

	newest map[string]int          // version by name and id
	seen   map[syscall.Stat_t]bool // large files that were read
	fault  error
}

func startReader(root string) *reader {
	r := &reader{root: root, quit: make(chan struct{}), newest: make(map[string]int), seen: make(map[syscall.Stat_t]bool)}
	r.done.Go(r.run)
	return r
}

// end stops it and returns what it saw.
func (r *reader) end() error {
	close(r.quit)
	r.done.Wait()
	return r.fault
}

func (r *reader) run() {
	for r.fault == nil {
		select {
		case <-r.quit:
			return
		case <-time.After(4 * time.Millisecond):
		}
		r.fault = filepath.WalkDir(r.root, r.visit)
	}
}

func (r *reader) visit(path string, d fs.DirEntry, err error) error {
	name := strings.TrimPrefix(path, r.root+"/")
	switch {
	case err != nil: // it went while we looked
		return nil
	case name == stateName:
		return fs.SkipDir
	case !d.Type().IsRegular() || foreign(name):
		return nil
	}
	return r.file(path, name)
}

// news says whether a file may have other bytes than when it was read last: reading
// the large ones without end would leave nothing of the machine to those who are watched.
func (r *reader) news(st fs.FileInfo) bool {
	key := *st.Sys().(*syscall.Stat_t)
	key.Atim, key.Nlink = syscall.Timespec{}, 0
	was := r.seen[key]
	r.seen[key] = true
	return !was
}

func (r *reader) file(path, name string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // it went, or is something else by now
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return err
	}
	if st.Size() > 1<<20 && !r.news(st) {
		return nil
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("reader: %w", err)
	}
	if base := filepath.Base(name); len(b) == 0 && (base == "empty" || base == "new") {
		return nil // the one is, the other was for a moment at the source
	}
	c, err := read(b)
	if err != nil {
		return fmt.Errorf("a reader saw %s half-written: %w", name, err)
	}
	if mode := uint32(st.Mode().Perm()); c.mode != 0 && mode != c.mode {
		return fmt.Errorf("a reader saw %s with mode %o, which is made with %o", name, mode, c.mode)
	}
	key := name + " " + c.id
	if c.version < r.newest[key] {
		return fmt.Errorf("a reader saw version %d of %s after version %d", c.version, name, r.newest[key])
	}
	r.newest[key] = c.version
	r.reads++
	return nil
}
