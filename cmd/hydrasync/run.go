package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
)

const runLong = `run does everything that a config file names, in one process: trees that are
watched and served, cities, and relays, which serve on what they mirror.`

func newRun(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "run --config FILE",
		Short:   "Run everything that a config file names",
		Long:    runLong,
		Example: "  hydrasync config dump > hydrasync.toml\n  hydrasync run --config hydrasync.toml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("hydrasync run --config FILE; hydrasync config dump prints a sample", "no config file is given")
			}
			conf, err := readConfig(file)
			if err != nil {
				return err
			}
			return conf.run(c.Context(), a)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the file (TOML)")
	return c
}

func (c *fileConf) run(ctx context.Context, a *app) error {
	if err := c.checkPlaces(); err != nil {
		return err
	}
	h := &house{a: a, state: stateFolder(c.State)}
	defer h.close()
	if c.serves() {
		var err error
		if h.door, err = c.Serve.check(stateFolder(c.State)); err != nil {
			return err
		}
	}
	if err := h.openSources(c.Trees, stateFolder(c.State)); err != nil {
		return err
	}
	for _, conf := range c.Highways {
		one, err := openCity(conf, cityWorld{log: a.logger()})
		if err != nil {
			return err
		}
		h.cities = append(h.cities, one)
	}
	return h.run(ctx)
}

func (c *fileConf) serves() bool {
	for i := range c.Highways {
		if c.Highways[i].ServeAs != "" {
			return true
		}
	}
	return len(c.Trees) > 0
}

// checkPlaces looks at all directories before anything is opened.
func (c *fileConf) checkPlaces() error {
	var sources []place
	for i := range c.Trees {
		src, err := findSource(c.Trees[i].Dir)
		if err != nil {
			return err
		}
		sources = append(sources, src)
	}
	for i := range c.Highways {
		dst, err := findTarget(c.Highways[i].To)
		if err != nil {
			return err
		}
		for _, src := range sources {
			if err := checkPair(src, dst); err != nil {
				return failedPair(src, err)
			}
		}
		c.Highways[i].To = dst.full()
	}
	return nil
}

func failedPair(src place, err error) error {
	return usage(hintOf(err), "tree %s: %w", strconv.Quote(src.path), err)
}
