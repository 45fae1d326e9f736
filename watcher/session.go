package watcher

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

// session is the work on one root, from the moment it is there until it is
// lost or the watcher ends.
type session struct {
	*Watcher
	root      *root
	reader    *reader
	notify    notifier
	dirty     *dirty
	walks     *walks
	suspects  suspects
	unwatched unwatched

	wishes   chan chan error // reconciles that somebody waits for
	overflow chan struct{}   // one token
	over     chan struct{}   // closed when the session has ended
	linked   atomic.Bool     // there are hard links in the tree
	back     bool            // the root had been lost
	virgin   bool            // nothing was in the journal when it began
}

func (w *Watcher) newSession(back bool) (*session, error) {
	r := w.rootNow()
	s := &session{
		Watcher: w, root: r, reader: newReader(r, w.cfg.Lists), dirty: newDirty(), walks: newWalks(), suspects: suspects{quiet: w.quiet},
		wishes: make(chan chan error), overflow: make(chan struct{}, 1), over: make(chan struct{}), back: back,
	}
	n, err := w.listen(r, earshot{s})
	s.notify = n
	return s, err
}

// runSession works until the root is lost (errLost), ctx ends, or the journal fails for good.
func (w *Watcher) runSession(ctx context.Context, back bool) error {
	s, err := w.newSession(back)
	if err != nil {
		return err
	}
	stats, err := w.journal.Stats(ctx)
	if err != nil {
		return err
	}
	s.virgin = stats.Nodes <= 1
	k := newLooker(s)
	if err := k.begin(ctx); err != nil {
		return err
	}
	w.setSession(s)
	defer close(s.over)
	defer w.setSession(nil)
	w.facts.set(func(st *Status) { st.State, st.Why, st.Remote = Scanning, "", remote(s.root.fd) })
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{s.notify.run, s.runWalks, k.loop, s.keep, s.runSuspects} {
		g.Go(func() error { return part(ctx) })
	}
	return g.Wait()
}

func (w *Watcher) setSession(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life.session = s
}

// earshot is where the session hears its notifier.
type earshot struct{ s *session }

func (e earshot) path(path string) { e.s.dirty.hear(path, oneName) }

func (e earshot) overflow() {
	e.s.losses.Add(1)
	select {
	case e.s.overflow <- struct{}{}:
	default:
	}
}

// watch makes sure that a directory is watched, or polled. Fresh says that changes in it may
// not have been heard so far.
func (s *session) watch(ctx context.Context, path string, id ident) (fresh bool) {
	fresh, err := s.notify.watch(ctx, path, id)
	switch {
	case err == nil:
		s.unwatched.remove(path)
		return fresh
	case errors.Is(err, errUnwatchable):
		return s.unwatched.add(path, err)
	case errors.Is(err, errMoved):
		s.dirty.hear(path, oneName)
	}
	return false
}

const (
	maxLook   = 4096 // paths in one look
	lookUnits = 1024 // stop adding what walks found at so many
)

// loop looks at what is due, and is the only one to append changes.
func (k *looker) loop(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	failures := 0
	for {
		if err := k.breathe(ctx, timer); err != nil {
			return err
		}
		items, jobs := k.gather()
		if len(items) == 0 && len(jobs) == 0 {
			if err := k.idle(ctx, timer); err != nil {
				return err
			}
			continue
		}
		err := k.paced(ctx, items)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() != nil, errors.Is(err, errLost), errors.Is(err, journal.ErrClosed):
			return err
		default:
			failures++
			k.postpone(items, failures, err)
		}
		for _, j := range jobs {
			k.walks.done(j)
		}
	}
}

// breathe waits while a burst is better let grow.
func (k *looker) breathe(ctx context.Context, timer *time.Timer) error {
	for {
		now := time.Now()
		heard, waiting := k.dirty.heard()
		until := k.pace.until(now, heard, waiting)
		if !until.After(now) {
			return nil
		}
		timer.Reset(until.Sub(now))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// paced is a look that the pace learns of.
func (k *looker) paced(ctx context.Context, items []item) error {
	events := 0
	for i := range items {
		if !items[i].grows && items[i].job == nil {
			events++
		}
	}
	k.awake = true
	began := time.Now()
	err := k.look(ctx, items)
	k.pace.looked(events, began, time.Now())
	return err
}

// begin puts the root into the journal, before anything beneath it.
func (k *looker) begin(ctx context.Context) error {
	return k.look(ctx, []item{{mark: mark{path: ""}}})
}

// gather takes what is due: events first, then what walks found. Directories
// that are due as a whole are sent to the walkers.
func (k *looker) gather() (items []item, jobs []*job) {
	for _, m := range k.dirty.take(time.Now(), maxLook) {
		items = append(items, item{mark: m})
		if m.scope != oneName {
			k.walks.start(newJob(), m.path, m.scope)
		}
	}
	for len(items) < lookUnits {
		u, ok := k.walks.next()
		if !ok {
			break
		}
		items = append(items, u.items...)
		jobs = append(jobs, u.job)
	}
	return items, jobs
}

// restAfter is how long nothing has to be due before what a burst grew is given back.
const restAfter = 5 * time.Second

// idle waits until something is due or a walk found something.
func (k *looker) idle(ctx context.Context, timer *time.Timer) error {
	wait := time.Hour
	if due, ok := k.dirty.next(); ok {
		wait = time.Until(due)
	}
	tired := k.awake && wait > restAfter
	if tired {
		wait = restAfter
	}
	timer.Reset(wait)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		if tired {
			k.rest()
		}
	case <-k.dirty.wake:
	case <-k.walks.found:
	}
	return nil
}

const (
	journalPause    = 100 * time.Millisecond // after the journal refused, doubling
	journalPauseMax = 5 * time.Second
)

// postpone keeps the paths of a look whose append failed (a full disk, say).
func (k *looker) postpone(items []item, failures int, err error) {
	k.refused(err, "changes cannot be appended")
	k.reset()
	due := time.Now().Add(min(journalPause<<min(failures-1, 10), journalPauseMax))
	marks := make([]mark, 0, len(items))
	for i := range items {
		m := items[i].mark
		m.due, m.held = due, true
		marks = append(marks, m)
	}
	k.dirty.later(marks...)
}
