package watcher_test

import (
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// handle is something that a script keeps open over several commands: a file,
// a mapping of one, or somebody who fills a directory.
type handle struct {
	file   *os.File
	mapped []byte
	filler *filler
}

func (r *rig) handle(name string) (*handle, error) {
	if h := r.handles[name]; h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("no handle %s", name)
}

func (r *rig) keep(name string, h *handle) {
	if r.handles == nil {
		r.handles = map[string]*handle{}
	}
	r.handles[name] = h
}

func (r *rig) letGo() {
	for name := range r.handles {
		if err := r.shut(name); err != nil {
			r.t.Errorf("shut %s: %v", name, err)
		}
	}
}

func (r *rig) shut(name string) (err error) {
	h, err := r.handle(name)
	if err != nil {
		return err
	}
	delete(r.handles, name)
	switch {
	case h.filler != nil:
		return h.filler.end()
	case h.mapped != nil:
		return unix.Munmap(h.mapped)
	}
	return h.file.Close()
}

// handleVerbs keep things open.
var handleVerbs = map[string]verb{
	"open": func(r *rig, a args) error { // open HANDLE PATH
		f, err := os.OpenFile(r.path(a.at(2)), os.O_RDWR|os.O_CREATE, 0o644)
		if err == nil {
			r.keep(a.at(1), &handle{file: f})
		}
		return err
	},
	"put": func(r *rig, a args) error { // put HANDLE TEXT, after what was put before
		h, err := r.handle(a.at(1))
		if err == nil {
			_, err = h.file.WriteString(a.at(2))
		}
		return err
	},
	"map": func(r *rig, a args) error { // map HANDLE PATH; the descriptor is closed at once
		f, err := os.OpenFile(r.path(a.at(2)), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		b, err := unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err == nil {
			r.keep(a.at(1), &handle{mapped: b})
		}
		return err
	},
	"store": func(r *rig, a args) error { // store HANDLE OFFSET TEXT, by a machine instruction, not by a call
		h, err := r.handle(a.at(1))
		if err != nil {
			return err
		}
		at, err := a.num(2, 10)
		if err == nil {
			copy(h.mapped[at:], a.at(3))
		}
		return err
	},
	"msync": func(r *rig, a args) error {
		h, err := r.handle(a.at(1))
		if err != nil {
			return err
		}
		return unix.Msync(h.mapped, unix.MS_SYNC)
	},
	"shut": func(r *rig, a args) error { return r.shut(a.at(1)) },
	"filler": func(r *rig, a args) error { // filler HANDLE DIR: fills it until shut, wherever it is moved
		f, err := startFiller(r.path(a.at(2)))
		if err == nil {
			r.keep(a.at(1), &handle{filler: f})
		}
		return err
	},
	"filled": func(r *rig, a args) error { // filled HANDLE N: so many more files since
		h, err := r.handle(a.at(1))
		if err != nil {
			return err
		}
		n, err := a.num(2, 10)
		if err == nil {
			h.filler.await(int64(n))
		}
		return err
	},
}

// filler makes files and directories in a directory that it holds open.
type filler struct {
	dir  int
	made atomic.Int64
	stop atomic.Bool
	done chan error
	more chan struct{}
}

// So many names in all: a filler that is much faster than who waits for it would
// fill the disk.
const fillerMost = 3000

func startFiller(path string) (*filler, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := &filler{dir: fd, done: make(chan error, 1), more: make(chan struct{}, 1)}
	go func() { f.done <- f.run() }()
	return f, nil
}

func (f *filler) run() error {
	for i := 0; i < fillerMost && !f.stop.Load(); i++ {
		dir, name := f.dir, fmt.Sprint("filled", i)
		if i%8 == 7 {
			if err := unix.Mkdirat(f.dir, name, 0o755); err != nil {
				return err
			}
			name += "/in"
		}
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, []byte(name)); err != nil {
			return err
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
		f.made.Add(1)
		select {
		case f.more <- struct{}{}:
		default:
		}
	}
	return nil
}

// await waits until n more files were made.
func (f *filler) await(n int64) {
	for until := min(f.made.Load()+n, fillerMost); f.made.Load() < until; {
		select {
		case <-f.more:
		case err := <-f.done:
			f.done <- err
			return
		}
	}
}

func (f *filler) end() error {
	f.stop.Store(true)
	err := <-f.done
	unix.Close(f.dir)
	return err
}
