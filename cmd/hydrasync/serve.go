package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// source is one watched tree with its journal.
type source struct {
	conf    treeConf
	folder  string // of its state
	journal *journal.Journal
	watch   *watcher.Watcher
	server  *stream.Server // that serves it; set before run
	log     zerolog.Logger
}

// openSource opens the tree's journal and root; nothing runs yet. to names
// replicas on this machine, for status.
func openSource(conf treeConf, state stateFolder, log zerolog.Logger, to ...string) (s *source, err error) {
	at, err := findSource(conf.Dir)
	if err != nil {
		return nil, err
	}
	if err := checkState(string(state), at); err != nil {
		return nil, err
	}
	known := record{Name: conf.Name, Dir: at.path, To: to}
	conf.Dir = at.path
	s = &source{conf: conf, log: log.With().Str("tree", stream.Display(conf.Name)).Logger()}
	if s.folder, err = state.open(known); err != nil {
		return nil, err
	}
	if s.journal, err = journal.Open(journal.Config{Path: filepath.Join(s.folder, journalName), Role: journal.Capitol, Log: s.log}); err != nil {
		return nil, err
	}
	if err := remember(s.folder, known); err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	if s.watch, err = watcher.New(conf.watcher(s.journal, s.log)); err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	return s, nil
}

// watcher is the configuration of the room that looks.
func (t *treeConf) watcher(j *journal.Journal, log zerolog.Logger) watcher.Config {
	return watcher.Config{Root: t.Dir, Journal: j, Ignore: t.Ignore, IgnoreFile: t.IgnoreFile, AcceptEmpty: t.acceptEmpty,
		Debounce: time.Duration(t.Debounce), MaxWait: time.Duration(t.MaxWait), Reconcile: time.Duration(t.Reconcile), Log: log}
}

// run watches until ctx ends.
func (s *source) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.watch.Run(ctx) })
	g.Go(func() error { return s.admin().serve(ctx, s.folder) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("watch %s: %w", strconv.Quote(s.conf.Dir), err)
	}
	return nil
}

func (s *source) close() error { return s.journal.Close() }

func (s *source) tree() stream.Tree {
	return stream.Tree{Name: s.conf.Name, Journal: s.journal, Source: opener[watcher.Body](s.watch.Open)}
}

func (s *source) admin() *admin {
	return &admin{
		status:    func(ctx context.Context) (any, error) { return s.report(ctx) },
		reconcile: s.watch.Reconcile,
	}
}

// certain says whether a walk found all of the tree. What no tree carries
// (a FIFO, another file system) does not count; what could not be read does.
func (s *source) certain() error {
	st := s.watch.Status()
	if st.State == watcher.SourceLost {
		return &failure{err: fmt.Errorf("source %s: %s", strconv.Quote(s.conf.Dir), st.Why), code: codeHeld,
			hint: "nothing is deleted meanwhile; mount it again or put it back, or say --yes if all of it is to be deleted"}
	}
	unread := slices.DeleteFunc(st.Problems, func(p watcher.Problem) bool {
		return strings.HasPrefix(p.Why, "carry: ") || strings.Contains(p.Why, "another file system")
	})
	if len(unread) == 0 {
		return nil
	}
	return failed("make it readable for this user, or leave it out with --ignore",
		"%d paths of the source could not be read, such as %s: %s", len(unread), stream.Display(unread[0].Path), unread[0].Why)
}

// walked is ready for a command that is to end by itself: a source that is lost
// is not waited for.
func (s *source) walked(ctx context.Context) error {
	tick := time.NewTicker(lostStep)
	defer tick.Stop()
	for {
		select {
		case <-s.watch.Ready():
			return nil
		case <-tick.C:
			if s.watch.Status().State == watcher.SourceLost {
				return s.certain()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lostStep is how often that is looked at.
const lostStep = 50 * time.Millisecond

// ready waits for the end of the first reconcile.
func (s *source) ready(ctx context.Context) error {
	select {
	case <-s.watch.Ready():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// opener gives a stream the shape that it asks for: rooms do not know each other's types.
type opener[B stream.Body] func(context.Context, journal.Node) (B, error)

// Open implements [stream.Source].
func (o opener[B]) Open(ctx context.Context, n journal.Node) (stream.Body, error) {
	b, err := o(ctx, n)
	if err != nil {
		return nil, err
	}
	return b, nil
}
