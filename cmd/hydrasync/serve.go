package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/chunk"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// source is one watched tree with its journal.
type source struct {
	conf    treeConf
	folder  string // of its state
	id      string // in lineages
	journal *journal.Journal
	watch   *watcher.Watcher
	server  *stream.Server // that serves it; set before run
	door    *door          // through which; nil where it is only mirrored
	roster  *roster.Roster // of its house; nil where it is only mirrored
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
	old, err := recall(s.folder)
	if err != nil {
		old = record{}
	}
	s.id = cmp.Or(old.ID, newID())
	known.ID = s.id
	if s.journal, err = journal.Open(journal.Config{Path: filepath.Join(s.folder, journalName), Role: journal.Capitol, Log: s.log}); err != nil {
		return nil, err
	}
	if err := remember(s.folder, known); err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	if s.watch, err = watcher.New(conf.watcher(s.journal, chunk.NewStore(filepath.Join(s.folder, chunksName)), filepath.Join(s.folder, echoName), s.log)); err != nil {
		return nil, errors.Join(err, s.journal.Close())
	}
	return s, nil
}

// watcher is the configuration of the room that looks.
func (t *treeConf) watcher(j *journal.Journal, lists *chunk.Store, echo string, log zerolog.Logger) watcher.Config {
	return watcher.Config{Root: t.Dir, Journal: j, Lists: lists, Echo: echo, Ignore: t.Ignore, IgnoreFile: t.IgnoreFile, AcceptEmpty: t.acceptEmpty,
		Debounce: time.Duration(t.Debounce), MaxWait: time.Duration(t.MaxWait), Reconcile: time.Duration(t.Reconcile), Log: log}
}

// run watches until ctx ends.
func (s *source) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.watch.Run(ctx) })
	g.Go(func() error { return s.admin().serve(ctx, s.folder) })
	g.Go(func() error { return calm(ctx, s.journal) })
	g.Go(func() error { return s.keepReport(ctx) })
	g.Go(func() error { return untilDamaged(ctx, s.journal) })
	if err := g.Wait(); err != nil {
		return fmt.Errorf("watch %s: %w", strconv.Quote(s.conf.Dir), err)
	}
	return nil
}

func (s *source) close() error { return s.journal.Close() }

func (s *source) tree() stream.Tree {
	return stream.Tree{Name: s.conf.Name, Journal: s.journal, Source: watched{s.watch}, Lists: s.watch, Ready: s.watch.Ready(), Lineage: s.lineage}
}

func (s *source) admin() *admin {
	return &admin{
		status:    func(ctx context.Context) (any, error) { return s.report(ctx) },
		reconcile: s.watch.Reconcile,
		wait:      s.wait,
	}
}

// watched gives a stream the shape that it asks for: rooms do not know each other's
// types. Read is the watcher's own.
type watched struct{ *watcher.Watcher }

// Open implements [stream.Source].
func (w watched) Open(ctx context.Context, n journal.Node) (stream.Body, error) {
	return opener[watcher.Body](w.Watcher.Open).Open(ctx, n)
}

var _ stream.Reader = watched{}

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
