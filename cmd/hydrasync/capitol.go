package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// capitolConf is what the flags of capitol say.
type capitolConf struct {
	trees []string // NAME=DIR
	each  treeConf // the flags that hold for each of them
	serve serveConf
	state string
	yes   bool
}

const capitolLong = `capitol watches trees, journals what changes and serves them to cities.

Nothing is written inside a tree, which may be read-only. On a loopback
address a capitol serves this machine, plain. On any other it speaks TLS, with a
certificate of its own if none is given, and serves cities that have joined
(hydrasync invite) and who knows the token, unless --insecure says otherwise.`

func newCapitol(a *app) *cobra.Command {
	var conf capitolConf
	c := &cobra.Command{
		Use:     "capitol --tree NAME=DIR…",
		Short:   "Watch trees and serve them",
		Long:    capitolLong,
		Example: "  hydrasync capitol --tree site=/srv/site\n  hydrasync capitol --tree site=/srv/site --listen 127.0.0.1:49996\n  hydrasync capitol --tree site=/srv/site --tree logs=/var/log --token-file /etc/hydrasync/token --tls-cert cert.pem --tls-key key.pem",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return conf.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringArrayVar(&conf.trees, "tree", nil, "a tree to serve, NAME=DIR (repeatable)")
	conf.each.flags(f)
	conf.serve.flags(f)
	stateFlag(f, &conf.state)
	f.BoolVar(&conf.yes, "yes", false, "an empty source is meant: delete everything on the cities")
	return c
}

// parse makes a configuration of each --tree.
func (c *capitolConf) parse() ([]treeConf, error) {
	if len(c.trees) == 0 {
		return nil, usage("hydrasync capitol --tree NAME=DIR", "no tree is given")
	}
	var all []treeConf
	for _, text := range c.trees {
		name, dir, ok := strings.Cut(text, "=")
		if !ok || name == "" || dir == "" {
			return nil, usage("write --tree NAME=DIR, e.g. --tree site=/srv/site", "--tree %q names no tree", text)
		}
		if slices.ContainsFunc(all, func(t treeConf) bool { return t.Name == name }) {
			return nil, usage("give each --tree a name of its own", "tree %q is given twice", name)
		}
		one := c.each
		one.Name, one.Dir, one.acceptEmpty = name, dir, c.yes
		if err := one.check(); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// check refuses what the watcher would: before anything is opened.
func (t *treeConf) check() error {
	if t.MaxWait < t.Debounce {
		return usage("make --max-wait at least as long as --debounce", "max wait %s is shorter than debounce %s", t.MaxWait.String(), t.Debounce.String())
	}
	_, err := findSource(t.Dir)
	return err
}

func (c *capitolConf) run(ctx context.Context, a *app) error {
	confs, err := c.parse()
	if err != nil {
		return err
	}
	door, err := c.serve.check(stateFolder(c.state))
	if err != nil {
		return err
	}
	h := newHouse(a, stateFolder(c.state))
	h.door, h.strict = door, true
	defer h.close()
	var wanted []lodging
	for _, conf := range confs {
		wanted = append(wanted, conf.lodging(a, stateFolder(c.state)))
	}
	if err := h.open(wanted); err != nil {
		return err
	}
	return h.run(ctx)
}
