package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/stream"
)

// resident is an open tree or highway, ready to run.
type resident interface {
	run(ctx context.Context) error
	close() error
	// serves is what cities may get of it, if they may.
	serves() (stream.Tree, bool)
	// livesIn tells in which house, before it runs.
	livesIn(*house)
	// place is its id in lineages.
	place() string
}

func (s *source) serves() (stream.Tree, bool) { return s.tree(), true }

func (c *city) serves() (stream.Tree, bool) { return c.tree(), c.conf.ServeAs != "" }

func (s *source) livesIn(h *house) { s.server, s.door, s.roster = h.server, h.door, h.roster }

func (c *city) livesIn(h *house) { c.door, c.roster = h.door, h.roster }

func (s *source) place() string { return s.id }

func (c *city) place() string { return c.known.ID }

// lodging is what a configuration wants to live in the house: one tree or one
// highway.
type lodging struct {
	dir  string // where; nobody else lives there
	tree string // that it serves; "": none
	conf any    // a treeConf or a highwayConf; who wants another is another lodger
	open func() (resident, error)
}

func (l *lodging) same(o *lodging) bool { return reflect.DeepEqual(l.conf, o.conf) }

func (t treeConf) lodging(a *app, state stateFolder) lodging {
	return lodging{dir: t.Dir, tree: t.Name, conf: t, open: func() (resident, error) { return openSource(t, state, a.logger()) }}
}

func (h highwayConf) lodging(a *app) lodging {
	return lodging{dir: h.To, tree: h.ServeAs, conf: h, open: func() (resident, error) {
		c, err := openCity(h, cityWorld{log: a.logger()})
		if err != nil {
			return nil, err
		}
		return &toldCity{c, a}, nil
	}}
}

// toldCity is a city whose progress a person is told.
type toldCity struct {
	*city
	a *app
}

func (c *toldCity) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.city.run(ctx) })
	g.Go(func() error { return newNarrator(c.a, c.city).run(ctx) })
	return g.Wait()
}

// lodger runs one lodging until it is told to leave, apart from all others.
type lodger struct {
	lodging
	house *house
	first resident // open already; nil: not yet
	leave context.CancelFunc
	place string // see [resident]; "": it was never open

	withdraw func() // set if first is served already
	left     chan struct{}

	// guarded by the house's mutex:
	now resident // while it runs
	err error    // why it does not
}

// How long a lodger that failed waits before it tries again.
const (
	againFirst = time.Second
	againMost  = time.Minute
)

// begin may be called once.
func (l *lodger) begin(ctx context.Context) {
	ctx, l.leave = context.WithCancel(ctx)
	go l.run(ctx) // [house.settle] waits for it
}

// run tries for ever. What fails here is told, and hurts nobody else.
func (l *lodger) run(ctx context.Context) {
	defer close(l.left)
	for wait := againFirst; ; wait = min(2*wait, againMost) {
		began := time.Now()
		err := l.live(ctx)
		if ctx.Err() != nil {
			l.house.roster.Drop(l.place)
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if time.Since(began) > againMost {
			wait = againFirst
		}
		if l.house.alone() {
			select {
			case l.house.ending <- err:
			default: // somebody else was first
			}
			return
		}
		l.note(nil, err)
		l.house.roster.Fail(l.place, err)
		log := l.house.a.logger()
		log.Error().Err(err).Str("hint", hintOf(err)).Str("dir", stream.Display(l.dir)).Dur("again", wait).Msg("does not run")
		l.house.a.say("%s does not run: %v", stream.Display(l.dir), err)
		if !pause(ctx, wait) {
			return
		}
	}
}

// live opens, serves and runs once. When it returns, nobody uses the directory
// or its journal any more.
func (l *lodger) live(ctx context.Context) (err error) {
	r, withdraw := l.first, l.withdraw
	l.first, l.withdraw = nil, nil
	if r == nil {
		if r, err = l.open(); err != nil {
			return err
		}
	}
	l.place = r.place()
	defer func() { err = errors.Join(err, r.close()) }()
	if withdraw == nil {
		if withdraw, err = l.house.publish(ctx, r); err != nil {
			return err
		}
	}
	defer withdraw()
	l.note(r, nil)
	defer l.note(nil, nil)
	return r.run(ctx)
}

func (l *lodger) note(now resident, err error) {
	l.house.mu.Lock()
	defer l.house.mu.Unlock()
	l.now, l.err = now, err
}

// publish serves what may be served.
func (h *house) publish(ctx context.Context, r resident) (withdraw func(), err error) {
	r.livesIn(h)
	t, ok := r.serves()
	if !ok {
		return func() {}, nil
	}
	if h.server == nil {
		return nil, failed("write [serve] into this machine's config file and start it again", "tree %s is to be served on, and this machine serves nothing", stream.Display(t.Name))
	}
	withdraw, err = h.server.Publish(t)
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	if h.door.addr == "" {
		return withdraw, nil // it is announced with all others, once the port is open
	}
	h.announce(t.Name)
	log := h.a.logger()
	if err := h.door.tell(ctx, h.server.Names()); err != nil && ctx.Err() == nil {
		log.Error().Err(err).Msg("cannot note what is served here")
	}
	return withdraw, nil
}
