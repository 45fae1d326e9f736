package watcher

// Hold stops the goroutine that drains the kernel's queue at its next event,
// until release is called.
func (w *Watcher) Hold() (release func()) {
	d := w.current().dirty
	d.mu.Lock()
	return d.mu.Unlock
}
