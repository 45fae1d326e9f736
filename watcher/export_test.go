package watcher

import (
	"context"
	"time"
)

// Hold stops the goroutine that drains the kernel's queue at its next event,
// until release is called.
func (w *Watcher) Hold() (release func()) {
	d := w.current().dirty
	d.mu.Lock()
	return d.mu.Unlock
}

// Hashed is how many files the session read to hash them.
func (w *Watcher) Hashed() int64 { return w.current().reader.seen.Load() }

// Distrust has a doubtful file read again when it was quiet for so long. Call it before Run.
func (w *Watcher) Distrust(quiet time.Duration) { w.quiet = quiet }

// OnWatch has do called before a watch on a directory is asked for: when a walk or
// a look has come to it, and has not listed it yet. Call it before Run.
func (w *Watcher) OnWatch(do func(dir string)) {
	listen := w.listen
	w.listen = func(r *root, to hints) (notifier, error) {
		n, err := listen(r, to)
		return onWatch{n, do}, err
	}
}

type onWatch struct {
	notifier
	do func(dir string)
}

func (n onWatch) watch(ctx context.Context, dir string, id ident) (bool, error) {
	n.do(dir)
	return n.notifier.watch(ctx, dir, id)
}
