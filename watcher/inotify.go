package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	// So many events wait between fsnotify's reader and us. The kernel's own queue
	// holds many times more; this is what comes in while we rest.
	eventBuffer = 1 << 10
	// So many events within crowdSpan are a crowd: waking up for each of the next
	// costs more than hearing it, so we rest until there are some.
	crowdOf   = 32
	crowdSpan = 2 * time.Millisecond
	crowdRest = time.Millisecond
)

// inotify is the notifier over fsnotify. An inotify watch follows the inode,
// but fsnotify files it under the path of the first Add, silently keeps that path when
// the same inode is added under a new one, and removes the watch a moment
// later when it learns of the move. Hence the rules here:
//
//   - one goroutine, run, consumes events and alone calls Add and Remove;
//   - what moved or went is removed with everything beneath it;
//   - before an Add, whatever the table knows under that path with another
//     identity, or under another path with that identity, is removed first;
//   - errors are drained by a goroutine that never calls fsnotify: its reader
//     holds a lock while it sends one, and Add and Remove want that lock.
type inotify struct {
	root string
	to   hints
	own  *echoes
	log  zerolog.Logger
	fs   *fsnotify.Watcher
	asks chan ask

	mu    sync.Mutex // table is changed by run only, under mu; anybody reads it under mu
	table *table
}

type ask struct {
	dir   string
	id    ident
	reply chan answer
}

type answer struct {
	fresh bool
	err   error
}

func newInotify(root string, to hints, own *echoes, log zerolog.Logger) (*inotify, error) {
	fs, err := fsnotify.NewBufferedWatcher(eventBuffer)
	if errors.Is(err, unix.EMFILE) {
		return nil, &RootError{root, err, "the limit of inotify instances or open files is reached: raise it, e.g. sysctl fs.inotify.max_user_instances=512"}
	}
	if err != nil {
		return nil, &RootError{root, err, ""}
	}
	if own != nil {
		if err := fs.Add(own.dir); err != nil {
			log.Warn().Err(err).Msg("nobody can wait for what was saved: the folder for echoes cannot be watched")
			own = nil
		}
	}
	return &inotify{root: root, to: to, own: own, log: log, fs: fs, asks: make(chan ask), table: newTable()}, nil
}

func (n *inotify) echo() (<-chan struct{}, error) { return n.own.call() }

func (n *inotify) run(ctx context.Context) error {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		n.drainErrors()
	}()
	err := n.consume(ctx)
	err = errors.Join(err, n.fs.Close())
	<-drained
	return err
}

func (n *inotify) consume(ctx context.Context) error {
	events := n.fs.Events // nil while we rest
	rested := time.NewTimer(time.Hour)
	defer rested.Stop()
	var began time.Time // of the last few events
	for heard := 0; ; {
		select {
		case ev, ok := <-events:
			if !ok {
				return errors.New("watch tree: fsnotify ended by itself")
			}
			n.hear(ev)
			if heard++; heard < crowdOf || len(events) > 0 {
				continue
			}
			now := time.Now()
			if now.Sub(began) < crowdSpan*time.Duration(heard)/crowdOf {
				events = nil
				rested.Reset(crowdRest)
			}
			heard, began = 0, now
		case <-rested.C:
			events = n.fs.Events
		case a := <-n.asks:
			fresh, err := n.add(a.dir, a.id)
			a.reply <- answer{fresh, err}
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *inotify) drainErrors() {
	for err := range n.fs.Errors {
		switch {
		case errors.Is(err, fsnotify.ErrEventOverflow):
			n.to.overflow()
		case errors.Is(err, syscall.EINVAL): // a watch that the kernel had dropped by itself
		default:
			n.log.Warn().Err(err).Msg("fsnotify error")
			n.to.overflow()
		}
	}
}

// hear makes a path dirty. The operation is a hint of no more than this: a
// directory that moved or went is no longer where its watches say it is.
func (n *inotify) hear(ev fsnotify.Event) {
	if n.own.hear(ev.Name) {
		return
	}
	path, ok := n.relative(ev.Name)
	if !ok {
		return
	}
	if ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Remove) {
		n.drop(path)
	}
	n.to.path(path)
}

func (n *inotify) relative(name string) (string, bool) {
	if name == n.root {
		return "", true
	}
	if len(name) <= len(n.root) || !beneath(n.root, name) && n.root != "/" {
		return "", false
	}
	if n.root == "/" {
		return name[1:], true
	}
	return name[len(n.root)+1:], true
}

func (n *inotify) absolute(path string) string {
	switch {
	case path == "":
		return n.root
	case n.root == "/":
		return "/" + path
	}
	return n.root + "/" + path
}

func (n *inotify) watch(ctx context.Context, dir string, id ident) (bool, error) {
	if n.heard(dir, id) {
		return false, nil
	}
	a := ask{dir, id, make(chan answer, 1)}
	select {
	case n.asks <- a:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	got := <-a.reply
	return got.fresh, got.err
}

func (n *inotify) heard(dir string, id ident) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.table.find(dir)
	return d != nil && d.heard && d.id == id
}

func (n *inotify) watches() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.table.byID)
}

// add watches a directory. fsnotify follows symbolic links and knows no
// "directory only", so what the path shows is checked before and after.
func (n *inotify) add(path string, id ident) (fresh bool, err error) {
	full := n.absolute(path)
	if err := shows(full, id); err != nil {
		return false, err
	}
	n.mu.Lock()
	at, owner := n.table.find(path), n.table.byID[id]
	n.mu.Unlock()
	if at != nil && at.heard && at.id == id {
		return false, nil
	}
	if at != nil && at.heard {
		n.dropDir(at)
	}
	if owner != nil {
		n.to.path(n.dropDir(owner))
	}
	if err := n.fs.Add(full); err != nil {
		return false, watchError(err)
	}
	if err := shows(full, id); err != nil {
		n.fs.Remove(full)
		return false, err
	}
	n.mu.Lock()
	n.table.put(path, id)
	n.mu.Unlock()
	return true, nil
}

// shows says whether a path shows that directory now.
func shows(full string, id ident) error {
	var st unix.Stat_t
	err := unix.Lstat(full, &st)
	switch {
	case err == unix.ENAMETOOLONG:
		return fmt.Errorf("%w: its path is longer than the kernel takes", errUnwatchable)
	case err != nil, st.Mode&unix.S_IFMT != unix.S_IFDIR, ident{uint64(st.Dev), st.Ino} != id:
		return errMoved
	}
	return nil
}

func watchError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return errMoved
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: the limit of inotify watches is reached", errUnwatchable)
	}
	return fmt.Errorf("%w: %w", errUnwatchable, cause(err))
}

func (n *inotify) drop(path string) {
	n.mu.Lock()
	d := n.table.find(path)
	n.mu.Unlock()
	if d != nil {
		n.dropDir(d)
	}
}

// dropDir removes the watches of a directory and of everything beneath it. The
// kernel may have dropped some already; that error says nothing new.
func (n *inotify) dropDir(d *dir) (path string) {
	n.mu.Lock()
	path = d.path()
	var lost []string
	n.table.drop(d, func(p string) { lost = append(lost, p) })
	n.mu.Unlock()
	for _, p := range lost {
		n.fs.Remove(n.absolute(p))
	}
	return path
}
