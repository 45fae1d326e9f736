package runs

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

// step is how often a line that goes on is brought up to date.
const step = time.Minute

// sameLine is for how long after a session that came to nothing the next one is counted in its line.
const sameLine = time.Hour

// maxWaiting is how many lines may wait for a ledger that is slow or full.
const maxWaiting = 1024

// lastTime is what the last lines may take when the process ends.
const lastTime = 5 * time.Second

// Book lends the ledger.
type Book func(ctx context.Context, do func(*ledger.Ledger) error) error

// Log writes lines. Who changes one holds mu.
type Log struct {
	book    Book
	refresh func() // looks at what goes on; nil: changes are told. Called with mu held
	log     zerolog.Logger
	wake    chan struct{}

	mu      sync.Mutex
	waiting map[*ledger.Run]struct{}
	now     func() time.Time
}

func newLog(book Book, log zerolog.Logger) *Log {
	return &Log{book: book, log: log, wake: make(chan struct{}, 1), waiting: make(map[*ledger.Run]struct{}), now: time.Now}
}

// putLocked has a line written: at once, or with the next step.
func (l *Log) putLocked(r *ledger.Run, atOnce bool) {
	if _, there := l.waiting[r]; !there && len(l.waiting) >= maxWaiting {
		return
	}
	l.waiting[r] = struct{}{}
	if atOnce {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// run writes until ctx ends, and then what is left.
func (l *Log) run(ctx context.Context) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			l.flush(last)
			return
		}
		l.flush(ctx)
	}
}

// flush writes what waits. While it does, lines go on changing: they wait again then.
func (l *Log) flush(ctx context.Context) {
	l.mu.Lock()
	if l.refresh != nil {
		l.refresh()
	}
	lines := slices.SortedFunc(maps.Keys(l.waiting), func(a, b *ledger.Run) int { return a.Began.Compare(b.Began) })
	rows, tries := make([]*ledger.Run, len(lines)), make([]int64, len(lines))
	for i, r := range lines {
		row := *r
		rows[i], tries[i] = &row, r.Tries
	}
	clear(l.waiting)
	l.mu.Unlock()
	if len(rows) == 0 {
		return
	}
	err := l.book(ctx, func(b *ledger.Ledger) error { return b.Record(ctx, rows...) })
	l.told(ctx, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range lines {
		if err != nil {
			l.putLocked(r, false)
			continue
		}
		r.ID, r.Tries = rows[i].ID, r.Tries+rows[i].Tries-tries[i]
	}
}

// told says in the process's own log that the ledger does not take what is written.
func (l *Log) told(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		l.log.Warn().Err(err).Msg("cannot write the log of what ran")
	}
}
