package watcher

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sync/errgroup"
)

// So many walkers work at once: with two, one reads while the other waits, and
// the look and the journal have a core left.
const walkers = 2

// unit is what a walker hands to the loop.
type unit struct {
	items []item
	job   *job
}

// walks are the directories that wait to be compared, and what was found.
type walks struct {
	mu    sync.Mutex
	stack []task // the last one first: what is open stays small
	more  *sync.Cond
	ended bool
	works int // tasks that walkers are at
	jobs  map[*job]struct{}
	ahead map[errand]*job
	units chan unit     // short: walkers wait for the look, so memory stays bounded
	found chan struct{} // one token: units may hold something
}

func newWalks() *walks {
	w := &walks{jobs: make(map[*job]struct{}), ahead: make(map[errand]*job), units: make(chan unit, 2*walkers), found: make(chan struct{}, 1)}
	w.more = sync.NewCond(&w.mu)
	return w
}

// run works until ctx ends.
func (s *session) runWalks(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.walks.end)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	for range walkers {
		g.Go(func() error {
			var page []journal.Stored // one for all its walks
			for {
				t, ok := s.walks.pop()
				if !ok {
					return ctx.Err()
				}
				if err := s.walkOrWait(ctx, t, &page); err != nil {
					return err
				}
				s.walks.worked(t)
			}
		})
	}
	return g.Wait()
}

// walkOrWait tries a task again that the journal does not let come to its end: a disk that
// fails, a machine that is out of descriptors. What it has passed on already is looked at
// twice, which changes nothing.
func (s *session) walkOrWait(ctx context.Context, t task, page *[]journal.Stored) error {
	err := s.walkOne(ctx, t, page)
	switch {
	case err == nil && t.again:
		s.facts.set(func(st *Status) { st.JournalError = "" })
		return nil
	case err == nil, ctx.Err() != nil, errors.Is(err, errLost), errors.Is(err, journal.ErrClosed):
		return err
	}
	s.refused(err, "directory cannot be compared")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(walkPause):
	}
	t.again = true
	s.walks.push(t)
	return nil
}

// walkPause is after the journal refused a walk. It is longer than a look's, because
// a walk that comes through says that nothing is refused any more.
const walkPause = time.Second

// refused keeps in sight why the journal takes, or gives, nothing.
func (s *session) refused(err error, what string) {
	s.log.Error().Err(err).Msg(what)
	s.facts.set(func(st *Status) { st.JournalError = err.Error() })
}

func (w *walks) end() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.more.Broadcast()
}

func (w *walks) pop() (task, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.stack) == 0 && !w.ended {
		w.more.Wait()
	}
	if w.ended {
		return task{}, false
	}
	t := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	w.works++
	return t, true
}

// worked ends a task that pop gave.
func (w *walks) worked(t task) {
	w.mu.Lock()
	w.works--
	w.mu.Unlock()
	w.done(t.job)
}

// busy says whether anything is being walked or waits to be looked at.
func (w *walks) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stack)+w.works+len(w.units) > 0
}

// shrink gives back the room that many tasks took, if none waits.
func (w *walks) shrink() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stack) == 0 {
		w.stack = nil
	}
}

// errand is a reading for the looks. A log that grows is met by look after look while
// it is read for the first of them: that one reading is for all.
type errand struct {
	path  string
	whole bool
}

// push adds tasks; one without a job gets its own.
func (w *walks) push(tasks ...task) {
	if len(tasks) == 0 {
		return
	}
	w.mu.Lock()
	for _, t := range tasks {
		if t.job == nil {
			t.job = newJob()
		}
		if t.read != nil && !t.again {
			t.job.errand = errand{t.path, t.read.whole}
			if w.ahead[t.job.errand] != nil {
				continue
			}
			w.ahead[t.job.errand], t.job.tears = t.job, t.mark.tears
		}
		t.job.add(1)
		w.stack = append(w.stack, t)
		w.jobs[t.job] = struct{}{}
	}
	w.mu.Unlock()
	w.more.Broadcast()
}

// hand passes a unit to the loop, which answers with done.
func (w *walks) hand(ctx context.Context, u unit) error {
	if u.job == nil {
		u.job = newJob()
	}
	u.job.add(1)
	select {
	case w.units <- u:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case w.found <- struct{}{}:
	default:
	}
	return nil
}

// tears is how often the file of an errand changed under readings before.
func (w *walks) tears(e errand) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j := w.ahead[e]; j != nil {
		return j.tears
	}
	return 0
}

// ran ends an errand, unless another job is at it by now.
func (w *walks) ran(j *job) {
	if w.ahead[j.errand] == j {
		delete(w.ahead, j.errand)
	}
}

// next takes a unit, if there is one. The look that it is for may ask for another reading.
func (w *walks) next() (unit, bool) {
	select {
	case u := <-w.units:
		w.mu.Lock()
		w.ran(u.job)
		w.mu.Unlock()
		return u, true
	default:
		return unit{}, false
	}
}

// done closes one task or unit of a job; after the last, the absences have their turn.
func (w *walks) done(j *job) {
	if absences := j.finish(); len(absences) > 0 {
		w.push(absences...)
		j.finish()
	}
	select {
	case <-j.done:
		w.mu.Lock()
		delete(w.jobs, j)
		w.ran(j)
		w.mu.Unlock()
	default:
	}
}

// under lists the jobs that are under way, but for readings of what changed under others
// before: that may go on for ever.
func (w *walks) under() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Keys(w.jobs)), func(j *job) bool { return j.tears > 0 })
}

// start begins a job and returns it.
func (w *walks) start(j *job, path string, sc scope) *job {
	w.push(task{path: path, scope: sc, job: j})
	return j
}
