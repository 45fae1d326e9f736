package watcher

// Hold stops the goroutine that drains the kernel's queue at its next event,
// until release is called.
func (w *Watcher) Hold() (release func()) {
	d := w.current().dirty
	d.mu.Lock()
	return d.mu.Unlock
}

// Hashed is how many files the session read to hash them.
func (w *Watcher) Hashed() int64 { return w.current().reader.seen.Load() }
