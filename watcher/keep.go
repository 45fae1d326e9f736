package watcher

import (
	"context"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

const (
	keepEvery     = time.Second // the root is checked, and duties are looked through, so often
	overflowPause = time.Second // before the second reconcile for overflows in a row, then doubling
	overflowMax   = 30 * time.Second
	// On a network file system, where other machines change files without an event, a
	// reconcile comes as often as this, or as polling's share of the time allows.
	remoteReconcile = 30 * time.Second
	overflowForget  = 2 * time.Minute // without one: the next is the first again
)

// keeper sees to what has to happen in time, whatever the tree does: the root's
// identity, reconciles, polling. Only its own goroutine uses it.
type keeper struct {
	*session
	running *job            // the reconcile of now; nil: none
	settled <-chan struct{} // its walk has ended, what it found is being settled
	waiters []chan error
	queued  []chan error // they asked while one ran: it had walked past already
	again   bool         // reconcile once more, for nobody

	next      time.Time // the next reconcile by the clock
	nextPoll  time.Time
	polls     *job
	polling   bool // that was noted
	overflows int
	overflown time.Time // the last one
	uncertain time.Time // since when changes may have been missed; zero: they were not
}

// keep works until ctx ends or the root is lost.
func (s *session) keep(ctx context.Context) error {
	k := &keeper{session: s}
	if stats, err := s.journal.Stats(ctx); err == nil && stats.Existed {
		k.uncertain = stats.LastSeen
	}
	if s.back {
		k.uncertain = time.Now()
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	k.reconcile()
	k.running.first = true
	s.walks.start(k.running, "", subtree)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.overflow:
			k.overflowed(ctx, time.Now())
		case w := <-s.wishes:
			k.wish(w)
		case <-k.ending():
			k.end(ctx)
		case now := <-tick.C:
			k.duties(ctx, now)
		}
		if err := s.root.check(); err != nil {
			return err
		}
	}
}

// reconcile makes the job; the caller starts it.
func (k *keeper) reconcile() {
	k.problems.recount()
	k.running = newJob()
	k.waiters, k.queued, k.again = k.queued, nil, false
}

func (k *keeper) startReconcile() {
	k.reconcile()
	k.dirty.hear("", oneName)
	k.walks.start(k.running, "", subtree)
}

func (k *keeper) wish(w chan error) {
	k.queued = append(k.queued, w)
	if k.running == nil {
		k.startReconcile()
	}
}

// overflowed notes that events were lost, and reconciles: at once, but a queue
// that overflows again and again gets pauses, so that something else happens too.
func (k *keeper) overflowed(ctx context.Context, now time.Time) {
	if now.Sub(k.overflown) > overflowForget {
		k.overflows = 0
	}
	k.overflown = now
	k.overflows++
	k.facts.set(func(s *Status) { s.Overflows++ })
	if k.uncertain.IsZero() {
		k.uncertain = now
		k.note(ctx, journal.Overflow, now, "the kernel's queue of events overflowed")
	}
	switch {
	case k.running != nil:
		k.again = true
	case k.overflows == 1:
		k.startReconcile()
	default:
		k.next = earlier(k.next, now.Add(min(overflowPause<<min(k.overflows-2, 10), overflowMax)))
	}
}

// ending is what the reconcile of now waits for: the end of its walk, then that
// what the walk found is settled.
func (k *keeper) ending() <-chan struct{} {
	switch {
	case k.running == nil:
		return nil
	case k.settled != nil:
		return k.settled
	}
	return k.running.done
}

func (k *keeper) end(ctx context.Context) {
	if k.settled == nil {
		calm := make(chan struct{})
		k.settled = calm
		go func() {
			if k.calm(ctx) == nil {
				close(calm)
			}
		}()
		return
	}
	k.settled = nil
	k.reconciled(ctx)
}

// reconciled ends a reconcile, and with it a stretch of uncertainty.
func (k *keeper) reconciled(ctx context.Context) {
	now := time.Now()
	took, first := now.Sub(k.running.began), k.running.first
	k.running = nil
	k.next = now.Add(k.patienceOf(took))
	if k.root.check() == nil && !k.uncertain.IsZero() && !k.again {
		k.ended(ctx)
	}
	k.facts.set(func(s *Status) { s.State, s.LastReconcile, s.ReconcileTook = Live, now, took })
	for _, w := range k.waiters {
		w <- nil
	}
	k.waiters = nil
	k.noteUnwatched(ctx)
	if first {
		k.settleReady()
	}
	if k.again || len(k.queued) > 0 {
		k.startReconcile()
	}
}

// patienceOf is the time until the next reconcile: where others change the
// tree without an event it is short, as far as the tree's size allows.
func (k *keeper) patienceOf(took time.Duration) time.Duration {
	if k.facts.get().Remote == "" {
		return k.cfg.Reconcile
	}
	return min(k.cfg.Reconcile, max(remoteReconcile, pollShare*took))
}

func (k *keeper) ended(ctx context.Context) {
	if k.back {
		k.note(ctx, journal.SourceBack, time.Time{}, "the root is back")
		k.session.back = false
	}
	k.note(ctx, journal.Reconciled, k.uncertain, "compared with the disk")
	k.uncertain = time.Time{}
}

func (k *keeper) settleReady() {
	select {
	case <-k.ready:
	default:
		close(k.ready)
	}
}

// noteUnwatched notes once that directories have to be polled, and once that
// none has to be any more.
func (k *keeper) noteUnwatched(ctx context.Context) {
	n := k.unwatched.size()
	if n > 0 == k.polling {
		return
	}
	k.polling = n > 0
	if !k.polling {
		k.note(ctx, journal.Reconciled, time.Time{}, "every directory is watched again")
		return
	}
	_, why := k.unwatched.list(1)
	k.note(ctx, journal.Unwatched, time.Now(), "%d directories are polled: %s", n, why)
}

func (k *keeper) duties(ctx context.Context, now time.Time) {
	k.bodies.release(now)
	if k.running == nil && !now.Before(k.next) {
		k.startReconcile()
	}
	if k.running == nil {
		k.noteUnwatched(ctx)
	}
	k.poll(now)
}

// poll lists the directories that nobody tells about. The next round waits in
// proportion to what this one took.
func (k *keeper) poll(now time.Time) {
	if k.polls != nil {
		select {
		case <-k.polls.done:
			took := now.Sub(k.polls.began)
			k.nextPoll = now.Add(max(pollEvery-keepEvery, pollShare*(took-keepEvery)))
			k.polls = nil
		default:
			return
		}
	}
	if now.Before(k.nextPoll) || k.unwatched.size() == 0 {
		return
	}
	paths, _ := k.unwatched.list(1 << 30)
	k.polls = newJob()
	tasks := make([]task, 0, len(paths))
	for _, path := range paths {
		tasks = append(tasks, task{path: path, scope: listing, job: k.polls})
	}
	k.walks.push(tasks...)
}

// remote names a network or user-space file system: what happens behind it
// makes no event here, so only reconciles find it.
func remote(fd int) string {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return ""
	}
	switch uint32(fs.Type) {
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return "smb"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.V9FS_MAGIC:
		return "9p"
	}
	return ""
}

// reloadRules reads the ignore file anew. A faulty one changes nothing and is
// listed.
func (s *session) reloadRules() {
	rs, err := s.root.readRules(s.cfg.IgnoreFile, s.cfg.Ignore)
	if err != nil {
		s.problems.add(s.cfg.IgnoreFile, "read rules of", err)
		return
	}
	if rs.Equal(s.rules().Rules) {
		return
	}
	s.ruleset.Store(rs)
	s.dirty.hear("", subtree)
}
