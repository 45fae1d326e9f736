package applier

import (
	"maps"
	"slices"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
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
	many bool // the whole file system is flushed before the first rename
	dirs map[journal.NodeID]struct{}
}

func (f *flushes) choose(files int) { f.many = files > fewFlushes }

// file flushes a file in the tree, unless all are flushed anyway. A failure must
// drop the file: see [beneath.File.Sync].
func (f *flushes) file(file *beneath.File) error {
	if f.many {
		return nil
	}
	return file.Sync()
}

// flushStaged puts on disk what is in staging, and the intent: before the first
// rename, and all at once, so that they share a turn of the disk.
func (r *round) flushStaged() error {
	if r.flush.many {
		return r.folders.root.Top().SyncAll()
	}
	g := new(errgroup.Group)
	g.SetLimit(flushers)
	if r.committed {
		g.Go(r.folders.intent.SyncData)
	}
	for _, t := range r.tasks {
		switch {
		case t.state != todo || t.node.Kind != journal.File:
		case t.nameless != nil:
			g.Go(func() error { return t.failOr(t.nameless.Sync()) })
		case t.staged != "":
			g.Go(func() error { return t.failOr(r.flushOne(t.staged)) })
		}
	}
	return g.Wait()
}

// flushers wait for the disk, which serves them together.
const flushers = 8

func (r *round) flushOne(name string) error {
	f, err := r.folders.staging.Read(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// touch remembers a directory whose names changed.
func (f *flushes) touch(dir journal.NodeID) {
	if f.dirs == nil {
		f.dirs = make(map[journal.NodeID]struct{})
	}
	f.dirs[dir] = struct{}{}
}

// unflushed says that something here reaches the disk only with the log of the file system or,
// where there is none, with all of it: links, new directories, and files that were
// flushed with all before they had a name. See also link.
func (r *round) unflushed() bool {
	return r.flush.many || slices.ContainsFunc(r.tasks, func(t *task) bool {
		return t.state == done && !t.gone && (t.node.Kind == journal.Symlink || t.node.Kind == journal.Dir && t.made.Ino != 0)
	})
}

// flushDirs puts the names on disk. A directory that went meanwhile needs none. Like
// all that changes the disk it goes in the same order every time, so that what a test
// finds it can find again.
func (r *round) flushDirs() error {
	few := fewFlushes
	if r.flush.many {
		few = fewAfter
	}
	if len(r.flush.dirs) > few || len(r.flush.dirs) > 0 && r.folders.unlogged && r.unflushed() {
		return r.folders.root.Top().SyncAll()
	}
	for _, id := range slices.Sorted(maps.Keys(r.flush.dirs)) {
		if t := r.byID[id]; t != nil && t.state == failed {
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
