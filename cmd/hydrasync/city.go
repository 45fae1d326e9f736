package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

const cityLong = `city mirrors a tree of a capitol into a directory, and stays with it.

The city opens the only connection and nothing writes to it from outside. It
resumes from its last position; when the capitol is down it tries again for ever.`

func newCity(a *app) *cobra.Command {
	var conf highwayConf
	var once onceFlags
	c := &cobra.Command{
		Use:     "city --from URL --to DIR",
		Short:   "Follow a tree of a capitol into a directory",
		Long:    cityLong,
		Example: "  hydrasync city --from ws://127.0.0.1:49996/site --to /srv/copy\n  hydrasync city --from wss://capitol.example/site --to /srv/copy --token-file token --sub-dir docs --once",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return conf.run(c.Context(), a, &once)
		},
	}
	f := c.Flags()
	f.StringArrayVar((*[]string)(&conf.Sources), "from", nil, "the tree, ws(s)://HOST:PORT/NAME; more of them are tried in this order")
	f.StringVar(&conf.To, "to", "", "the directory; created if the one above exists")
	conf.linkConf.flags(f)
	conf.flags(f)
	once.flags(c)
	c.AddCommand(newCityBook(a)...)
	return c
}

// check refuses what cannot be meant, and makes the path absolute.
func (c *highwayConf) check() error {
	switch {
	case len(c.Sources) == 0:
		return usage("give --from ws://HOST:PORT/NAME", "no tree to follow is given")
	case c.To == "":
		return usage("give --to DIR", "no directory to mirror into is given")
	}
	for _, from := range c.Sources {
		if _, _, err := httpBase(from); err != nil {
			return err
		}
	}
	c.From = c.Sources[0]
	dst, err := findTarget(c.To)
	if err != nil {
		return err
	}
	c.To = dst.full()
	return nil
}

func (c *highwayConf) run(ctx context.Context, a *app, once *onceFlags) error {
	if err := c.check(); err != nil {
		return err
	}
	if once.dryRun {
		return c.foresee(ctx, a, once, cityWorld{log: a.logger()})
	}
	dst, err := openCity(*c, cityWorld{once: once.once, log: a.logger()})
	if err != nil {
		return err
	}
	defer dst.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return dst.run(ctx) })
	g.Go(func() error { return newNarrator(a, dst).run(ctx) })
	if once.once {
		g.Go(func() error { return dst.untilDone(ctx, time.Duration(once.timeout)) })
	}
	return a.done(dst, once, g.Wait())
}
