package applier

import (
	"sync"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// fewFlushes is up to how many files, or directories, are flushed one by one.
// Each costs a turn of the disk (a fifth of a millisecond on a fast one); a flush of the
// whole file system costs one for all, but writes other programs' bytes too.
const fewFlushes = 64

// fewAfter is how many directories are flushed one by one when the round has
// flushed the whole file system for its files: then little else is left to write.
const fewAfter = 4

// flushes decides how a round reaches the disk. file may be called at once.
type flushes struct {
	many  bool
	mu    sync.Mutex
	dirty bool
	dirs  map[journal.NodeID]struct{}
}

func (f *flushes) choose(files int) { f.many = files > fewFlushes }

// file flushes one file now, or remembers that all are to be flushed. A failure
// must drop the file: see [beneath.File.Sync].
func (f *flushes) file(file *beneath.File) error {
	if !f.many {
		return file.Sync()
	}
	f.mu.Lock()
	f.dirty = true
	f.mu.Unlock()
	return nil
}

// note takes the part of a file that was staged before the round.
func (f *flushes) note(flushed bool) {
	if !flushed {
		f.mu.Lock()
		f.dirty = true
		f.mu.Unlock()
	}
}

// files flushes what file left.
func (f *flushes) files(top *beneath.Dir) error {
	if !f.dirty {
		return nil
	}
	f.dirty = false
	return top.SyncAll()
}

// touch remembers a directory whose names changed.
func (f *flushes) touch(dir journal.NodeID) {
	if f.dirs == nil {
		f.dirs = make(map[journal.NodeID]struct{})
	}
	f.dirs[dir] = struct{}{}
}

// flushDirs puts the names on disk. A directory that went meanwhile needs none.
func (r *round) flushDirs() error {
	few := fewFlushes
	if r.flush.many {
		few = fewAfter
	}
	if len(r.flush.dirs) > few {
		return r.folders.root.Top().SyncAll()
	}
	for id := range r.flush.dirs {
		if t := r.byID[id]; t != nil && (t.gone || t.state == failed) {
			continue
		}
		dir, release, err := r.places.dir(id)
		if absent(err) == nil && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		err = dir.Sync()
		release()
		if err != nil {
			return err
		}
	}
	return nil
}
