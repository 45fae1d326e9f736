package main

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// mirrorConf is capitol and city in one.
type mirrorConf struct {
	tree  treeConf
	city  highwayConf
	state string
	onceFlags
}

const mirrorLong = `mirror keeps DST equal to SRC: capitol and city in one process, without a port.

DST is created if the directory above it exists. What is in it already is
adopted where it is equal and left alone where SRC has nothing of that name;
what is replaced or deleted goes to DST/.hydrasync/trash for a while.`

func newMirror(a *app) *cobra.Command {
	var m mirrorConf
	c := &cobra.Command{
		Use:     "mirror SRC DST",
		Short:   "Keep DST equal to SRC: the shortest way to a live replica",
		Long:    mirrorLong,
		Example: "  hydrasync mirror ./site /mnt/copy\n  hydrasync mirror ./site /mnt/copy --once\n  hydrasync mirror ./site /mnt/copy --dry-run --ignore '*.tmp'",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			m.tree.Dir, m.city.To = args[0], args[1]
			m.tree.acceptEmpty = m.city.yes
			return m.run(c.Context(), a)
		},
	}
	m.tree.flags(c.Flags())
	m.city.flags(c.Flags())
	m.onceFlags.flags(c)
	stateFlag(c.Flags(), &m.state)
	return c
}

// mirrorTree is the name under which the one tree of a mirror is served.
const mirrorTree = "tree"

// check refuses what cannot be meant, and makes both paths absolute.
func (m *mirrorConf) check() error {
	src, err := findSource(m.tree.Dir)
	if err != nil {
		return err
	}
	dst, err := findTarget(m.city.To)
	if err != nil {
		return err
	}
	if err := checkPair(src, dst); err != nil {
		return err
	}
	m.tree.Dir, m.city.To = src.path, dst.full()
	m.tree.Name, m.city.From = mirrorTree, "ws://localhost/"+mirrorTree
	m.city.Sources = sources{m.city.From}
	if err := m.tree.check(); err != nil {
		return err
	}
	return checkState(m.state, src)
}

func (m *mirrorConf) run(ctx context.Context, a *app) error {
	if err := m.check(); err != nil {
		return err
	}
	if m.dryRun {
		return m.foresee(ctx, a)
	}
	src, err := openSource(m.tree, stateFolder(m.state), a.logger(), m.city.To)
	if err != nil {
		return err
	}
	defer src.close()
	road := newMemoryListener()
	dst, err := openCity(m.city, cityWorld{dial: road.Dial, once: m.once, log: a.logger()})
	if err != nil {
		return err
	}
	defer dst.close()
	dst.walked = new(atomic.Pointer[journal.Position])
	if src.server, err = stream.NewServer(stream.ServerConfig{Trees: []stream.Tree{src.tree()}, Log: a.logger()}); err != nil {
		return err
	}
	return m.join(ctx, a, src, dst, road)
}

// join runs both ends and what is between them.
func (m *mirrorConf) join(ctx context.Context, a *app, src *source, dst *city, road *memoryListener) error {
	tell := newNarrator(a, dst)
	tell.total = func(ctx context.Context) int64 {
		st, err := src.journal.Stats(ctx)
		if err != nil {
			return 0
		}
		return st.Nodes
	}
	a.say("mirroring %s to %s", stream.Display(m.tree.Dir), stream.Display(m.city.To))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return src.run(ctx) })
	g.Go(func() error { return src.server.Serve(ctx, road) })
	g.Go(func() error { return dst.run(ctx) })
	g.Go(func() error { return tell.run(ctx) })
	g.Go(func() error { return onSignal(ctx, func() []*source { return []*source{src} }) })
	g.Go(func() error { return m.untilDone(ctx, src, dst) })
	return a.done(dst, &m.onceFlags, g.Wait())
}

// untilDone waits until the source was walked and the city is proven to hold
// all that was found; then a --once ends.
func (m *mirrorConf) untilDone(ctx context.Context, src *source, dst *city) error {
	wait := src.ready
	if m.once {
		wait = src.walked
	}
	if err := wait(ctx); err != nil {
		return err
	}
	goal := src.journal.Position()
	dst.walked.Store(&goal)
	dst.sight.change(func(*situation) {})
	if !m.once {
		return nil
	}
	if err := dst.finish(ctx, goal); !errors.Is(err, errDone) {
		return err
	}
	return cmp.Or(src.certain(), errDone)
}
