package main

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
)

const runLong = `run does everything that a config file names, in one process: trees that are
watched and served, cities, and relays, which serve on what they mirror.`

func newRun(a *app) *cobra.Command {
	var file, name string
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
			s, err := newSteward(a, file, name)
			if err != nil {
				return err
			}
			return s.run(c.Context())
		},
	}
	c.Flags().StringVar(&file, "config", "", "the file (TOML)")
	c.Flags().StringVar(&name, "name", "", "which of several machines of the file this is (default: the file's name, or the host's)")
	return c
}

// lodgings are all that is to run here.
func (c *fileConf) lodgings(a *app) (all []lodging) {
	for _, t := range c.trees() {
		all = append(all, t.lodging(a, stateFolder(c.State)))
	}
	for _, h := range c.highways() {
		all = append(all, h.lodging(a))
	}
	return all
}

// serves says that something is served here: trees, or parts of the plan.
func (c *fileConf) serves() bool {
	return c.served || c.tells() || len(c.trees()) > 0 ||
		slices.ContainsFunc(c.highways(), func(h highwayConf) bool { return h.ServeAs != "" })
}

// checkPlaces looks at all directories of this machine before anything is opened.
func (c *fileConf) checkPlaces() error {
	var sources []place
	for _, t := range c.trees() {
		src, err := findSource(t.Dir)
		if err != nil {
			return err
		}
		sources = append(sources, src)
	}
	var targets []target
	for i := range c.Highways {
		if !c.here(c.Highways[i].City) {
			continue
		}
		dst, err := findTarget(c.Highways[i].To)
		if err == nil {
			err = checkTarget(dst, sources, targets)
		}
		if err != nil {
			return err
		}
		targets = append(targets, dst)
		c.Highways[i].To = dst.full()
	}
	return nil
}

// checkTarget refuses a destination that is in the way of a source or of another one.
func checkTarget(dst target, sources []place, others []target) error {
	for _, src := range sources {
		if err := checkPair(src, dst); err != nil {
			return failedPair(src, err)
		}
	}
	for _, o := range others {
		if plan.Beneath(dst.full(), o.full()) || plan.Beneath(o.full(), dst.full()) {
			return usage("put them beside each other", "destinations %s and %s are one inside the other", strconv.Quote(o.full()), strconv.Quote(dst.full()))
		}
	}
	return nil
}

func failedPair(src place, err error) error {
	return usage(hintOf(err), "tree %s: %w", strconv.Quote(src.path), err)
}
