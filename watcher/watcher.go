package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/rs/zerolog"
)

// Watcher keeps a journal equal to a tree. Make one with New; Run does the work, the other
// methods may be called from any goroutine.
type Watcher struct {
	cfg      Config
	journal  *journal.Journal
	log      zerolog.Logger
	patience patience

	facts    facts
	problems problems
	bodies   bodies
	ruleset  atomic.Pointer[rules]
	ready    chan struct{}
	echoes   *echoes
	losses   atomic.Uint64 // see Lost
	quiet    time.Duration // see suspects
	listen   func(r *root, to hints) (notifier, error)

	mu   sync.Mutex
	life life // guarded by mu
}

// life is what belongs to one root: it is renewed when a lost root is back.
type life struct {
	root    *root
	session *session // nil while none runs
}

// New opens the root and checks it. Errors about it are a [*RootError].
func New(cfg Config) (*Watcher, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	r, err := openRoot(cfg.Root)
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		cfg: cfg, journal: cfg.Journal, log: cfg.Log, ready: make(chan struct{}),
		patience: patience{cfg.Debounce, cfg.MaxWait}, quiet: suspectQuiet, life: life{root: r},
	}
	w.facts.st.State = Scanning
	if w.echoes, err = newEchoes(cfg.Echo); err != nil {
		return nil, errors.Join(err, r.close())
	}
	w.listen = func(r *root, to hints) (notifier, error) { return newInotify(r.path, to, w.echoes, w.log) }
	rs, err := r.readRules(cfg.IgnoreFile, cfg.Ignore)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read ignore rules: %w", err), r.close())
	}
	w.ruleset.Store(rs)
	return w, nil
}

// Run works until ctx ends, and returns nil then. Any other return is an error that it
// cannot work around: the journal is closed, or inotify is not to be had. A root that is lost
// is waited for.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.closeRoot()
	why, err := w.suspicious(ctx)
	if err != nil {
		return err
	}
	if why != nil {
		w.lose(ctx, why)
		w.await(ctx)
	}
	for back := why != nil; ctx.Err() == nil; back = true {
		err := w.runSession(ctx, back)
		switch {
		case ctx.Err() != nil:
		case !errors.Is(err, errLost):
			return err
		default:
			w.lose(ctx, err)
			w.await(ctx)
		}
	}
	return nil
}

// Ready is closed when the first reconcile has ended: then the journal tells
// what was in the tree when Run began, and everything since.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Reconcile compares the whole tree with the journal and returns when what it
// found is appended. Live events go on meanwhile.
func (w *Watcher) Reconcile(ctx context.Context) error {
	s := w.current()
	if s == nil {
		return errors.New("reconcile: the watcher is not running, or its root is lost")
	}
	done := make(chan error, 1)
	select {
	case s.wishes <- done:
	case <-s.over:
		return errors.New("reconcile: the watcher ended")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-s.over:
		return errors.New("reconcile: the watcher ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Watcher) rules() *rules { return w.ruleset.Load() }

func (w *Watcher) current() *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life.session
}

func (w *Watcher) rootNow() *root {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life.root
}

func (w *Watcher) closeRoot() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life.root != nil {
		w.life.root.close()
		w.life.root = nil
	}
}

// note appends a note; that it could not is worth a line in the log, no more.
func (w *Watcher) note(ctx context.Context, kind journal.NoteKind, since time.Time, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.log.Info().Str("note", kind.String()).Msg(text)
	if _, err := w.journal.Note(ctx, journal.Note{Kind: kind, Since: since, Text: text}); err != nil && ctx.Err() == nil {
		w.log.Error().Err(err).Msg("note could not be appended")
	}
}
