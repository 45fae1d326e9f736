package watcher

import (
	"sync"
	"time"
)

// job is a walk as a whole: done when every task and every unit of it is.
type job struct {
	first   bool // the session's first walk of the whole tree
	errand  errand
	tears   int // of the mark that it is run for
	began   time.Time
	done    chan struct{}
	mu      sync.Mutex
	open    int
	absence []task
	late    []item
}

// So many names wait for the end of a walk; the others are decided at once.
const maxLate = 8 << 10

func newJob() *job { return &job{began: time.Now(), done: make(chan struct{})} }

func (j *job) add(n int) {
	j.mu.Lock()
	j.open += n
	j.mu.Unlock()
}

func (j *job) absent(t task) {
	j.mu.Lock()
	j.absence = append(j.absence, t)
	j.mu.Unlock()
}

// atEnd keeps an item for the end of the job; false: there is no room.
func (j *job) atEnd(it item) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.late) >= maxLate {
		return false
	}
	if it.found != nil {
		it.found.bytes = nil
	}
	j.late = append(j.late, it)
	return true
}

// finish closes one part. When it was the last one it returns the absences,
// with the job still open by one for the caller to close after pushing them.
func (j *job) finish() []task {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open--
	if j.open > 0 {
		return nil
	}
	if len(j.absence)+len(j.late) > 0 {
		tasks := j.absence
		if len(j.late) > 0 {
			tasks = append(tasks, task{late: j.late, job: j})
		}
		j.absence, j.late = nil, nil
		j.open = 1
		return tasks
	}
	close(j.done)
	return nil
}
