package main

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/stream"
)

// house is everything that one process runs: sources and cities, one server
// for those that are served.
type house struct {
	a       *app
	door    *door // nil where nothing is served
	state   stateFolder
	sources []*source
	cities  []*city
}

func (h *house) openSources(confs []treeConf, state stateFolder) error {
	for _, conf := range confs {
		s, err := openSource(conf, state, h.a.logger())
		if err != nil {
			return err
		}
		h.sources = append(h.sources, s)
	}
	return nil
}

// run serves what there is to serve, and runs everything until ctx ends.
func (h *house) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if trees := h.trees(); len(trees) > 0 {
		if err := h.door.settle(ctx, h.state, h.a.logger()); err != nil {
			return err
		}
		srv, err := h.door.server(trees, h.a.logger())
		if err != nil {
			return err
		}
		ln, err := h.door.listen(ctx, trees)
		if err != nil {
			return err
		}
		for _, s := range h.sources {
			s.server, s.door = srv, h.door
		}
		g.Go(func() error { return h.serve(ctx, srv, ln, trees) })
		g.Go(func() error { return h.door.run(ctx, srv) })
	}
	for _, s := range h.sources {
		g.Go(func() error { return s.run(ctx) })
	}
	for _, c := range h.cities {
		g.Go(func() error { return c.run(ctx) })
		g.Go(func() error { return newNarrator(h.a, c).run(ctx) })
	}
	g.Go(func() error { return onSignal(ctx, h.sources...) })
	return g.Wait()
}

// serve begins before the sources are walked: an empty city is filled with
// what was found so far. See [stream.Tree] for what waits.
func (h *house) serve(ctx context.Context, srv *stream.Server, ln net.Listener, trees []stream.Tree) error {
	h.announce(ln.Addr().String(), trees)
	return h.door.serve(ctx, srv, ln, trees)
}

func (h *house) trees() []stream.Tree {
	var trees []stream.Tree
	for _, s := range h.sources {
		trees = append(trees, s.tree())
	}
	for _, c := range h.cities {
		if c.conf.ServeAs != "" {
			trees = append(trees, c.tree())
		}
	}
	return trees
}

func (h *house) announce(addr string, trees []stream.Tree) {
	log := h.a.logger()
	for _, text := range h.door.warnings() {
		log.Warn().Msg(text)
	}
	for _, t := range trees {
		line := log.Info().Str("tree", stream.Display(t.Name)).Str("listen", addr)
		if h.door.pin != "" {
			line = line.Str("pin", h.door.pin)
		}
		line.Msg("serving")
		h.a.say("serving %s on %s", stream.Display(t.Name), addr)
	}
}

func (h *house) close() error {
	errs := []error{h.door.close()}
	for _, s := range h.sources {
		errs = append(errs, s.close())
	}
	for _, c := range h.cities {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}
