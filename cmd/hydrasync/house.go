package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/rs/zerolog"
)

// house is everything that one process runs: sources and cities, one server
// for those that are served. Lodgers come and go while the others live on.
//
//	settle ──▶ lodger: open ─▶ publish ─▶ run ─▶ withdraw ─▶ close
//	           lodger: …                  (again after a failure)
type house struct {
	a      *app
	door   *door // nil where nothing is served
	state  stateFolder
	server *stream.Server
	roster *roster.Roster
	strict bool // who fails ends everything
	stays  bool // who fails never does, not even alone: others may come

	settling sync.Mutex // one change at a time

	mu      sync.Mutex // guards what follows
	lodgers map[string]*lodger
	ctx     context.Context // of all lodgers; nil before run
	ending  chan error      // of a strict house
}

func newHouse(a *app, state stateFolder) *house {
	return &house{a: a, state: state, roster: roster.New(), lodgers: make(map[string]*lodger), ending: make(chan error, 1)}
}

// open opens what is wanted at once: what is wrong with it is said before
// anything runs.
func (h *house) open(wanted []lodging) error {
	for _, w := range wanted {
		r, err := w.open()
		if err != nil {
			return err
		}
		h.admit(w, r)
	}
	return nil
}

// settle makes the wanted ones live in the house, and nobody else. Who goes has
// gone when it returns, before another takes its directory.
func (h *house) settle(wanted []lodging) {
	h.settling.Lock()
	defer h.settling.Unlock()
	h.expect(wanted)
	for _, l := range h.dismiss(wanted) {
		l.leave()
		<-l.left
	}
	for _, w := range wanted {
		h.admit(w, nil)
	}
}

// expect tells cities apart that ask for what is not wanted from those that come too early.
func (h *house) expect(wanted []lodging) {
	if h.server == nil {
		return
	}
	var names []string
	for _, w := range wanted {
		if w.tree != "" {
			names = append(names, w.tree)
		}
	}
	h.server.Expect(names)
}

// alone says that there is nothing left to do for a house in which one fails.
func (h *house) alone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.strict || !h.stays && len(h.lodgers) == 1
}

// dismiss strikes out who is not wanted any more, or not as it is.
func (h *house) dismiss(wanted []lodging) (gone []*lodger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for dir, l := range h.lodgers {
		if !slices.ContainsFunc(wanted, func(w lodging) bool { return w.dir == dir && w.same(&l.lodging) }) {
			gone = append(gone, l)
			delete(h.lodgers, dir)
		}
	}
	return gone
}

// admit begins a lodger where nobody lives.
func (h *house) admit(w lodging, first resident) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lodgers[w.dir] != nil {
		return
	}
	l := &lodger{lodging: w, house: h, first: first, left: make(chan struct{})}
	h.lodgers[w.dir] = l
	if h.ctx != nil {
		l.begin(h.ctx)
	}
}

// run serves what there is to serve, and runs everything until ctx ends.
func (h *house) run(ctx context.Context, beside ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	if h.door != nil {
		if err := h.openDoor(ctx, g); err != nil {
			return err
		}
	}
	h.mu.Lock()
	h.ctx = ctx
	for _, l := range h.lodgers {
		l.begin(ctx)
	}
	h.mu.Unlock()
	for _, do := range beside {
		g.Go(func() error { return do(ctx) })
	}
	g.Go(func() error { return onSignal(ctx, h.sources) })
	g.Go(func() error {
		select {
		case err := <-h.ending:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	err := g.Wait()
	h.settle(nil)
	return err
}

// openDoor begins to serve before the sources are walked: an empty city is
// filled with what was found so far. See [stream.Tree] for what waits.
func (h *house) openDoor(ctx context.Context, g *errgroup.Group) (err error) {
	if err := h.door.settle(ctx, h.state, h.a.logger()); err != nil {
		return err
	}
	if err := h.roster.Load(ctx, h.door.book); err != nil {
		return err
	}
	h.door.roster = h.roster
	if h.server, err = h.door.server(nil, h.a.logger()); err != nil {
		return err
	}
	if err := h.publishFirst(ctx); err != nil {
		return err
	}
	var ln net.Listener
	if ln, err = h.door.listen(ctx, h.server.Names()); err != nil {
		return err
	}
	h.announceAll()
	log := h.a.logger()
	for _, text := range h.door.warnings() {
		log.Warn().Msg(text)
	}
	g.Go(func() error { return h.door.serve(ctx, h.server, ln, h.server.Names(), log) })
	g.Go(func() error { return h.door.run(ctx, h.server) })
	g.Go(func() error { return h.answer(ctx) })
	return nil
}

// publishFirst serves what is open already: nobody who connects comes too early.
func (h *house) publishFirst(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wanted []lodging
	for _, l := range h.lodgers {
		wanted = append(wanted, l.lodging)
		withdraw, err := h.publish(ctx, l.first)
		if err != nil {
			return err
		}
		l.withdraw = withdraw
	}
	h.expect(wanted)
	return nil
}

// sources are the trees that are watched now.
func (h *house) sources() (found []*source) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lodgers {
		if s, ok := l.now.(*source); ok {
			found = append(found, s)
		}
	}
	return found
}

func (h *house) announceAll() {
	names := h.server.Names()
	for _, tree := range names {
		h.announce(tree)
	}
	if len(names) == 0 {
		h.where().Msg("listening")
		h.a.say("listening on %s", h.door.addr)
	}
}

// announce says where a tree is served.
func (h *house) announce(tree string) {
	h.where().Str("tree", stream.Display(tree)).Msg("serving")
	h.a.say("serving %s on %s", stream.Display(tree), h.door.addr)
}

// where begins a line of the log with what cities are to know.
func (h *house) where() *zerolog.Event {
	log := h.a.logger()
	line := log.Info().Str("listen", h.door.addr)
	if h.door.pin != "" {
		line = line.Str("pin", h.door.pin)
	}
	return line
}

// close closes what was opened and never ran.
func (h *house) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	errs := []error{h.door.close()}
	for _, l := range h.lodgers {
		if l.first != nil {
			errs = append(errs, l.first.close())
		}
	}
	return errors.Join(errs...)
}
