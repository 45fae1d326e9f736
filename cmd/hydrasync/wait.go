package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/stream"
)

const waitLong = `wait returns when cities have on their disks what was saved in a tree before the call.

It runs on the capitol's machine, beside the running capitol. "all" are the cities that
are connected, and those that this tree was granted to by its name, connected or not.
Where changes may have been missed (events were lost, directories are only polled) it fails
at once and says so; what somebody still holds open for writing counts as it was after --max-wait.`

// waitConf is what the flags of wait say.
type waitConf struct {
	city, tree, state string
	timeout           duration
	json              bool
}

func newWait(a *app) *cobra.Command {
	conf := waitConf{timeout: duration(30 * time.Second)}
	c := &cobra.Command{
		Use:     "wait [--city all|NAME|N] [--tree NAME]",
		Short:   "Wait until cities have what was saved",
		Long:    waitLong,
		Example: "  hydrasync wait && systemctl reload site\n  hydrasync wait --city 2 --tree site --timeout 10s\n  hydrasync wait --city berlin --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return conf.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&conf.city, "city", "all", "all, how many, or the name of one")
	f.StringVar(&conf.tree, "tree", "", "which tree, where more than one is served")
	f.Var(&conf.timeout, "timeout", "how long to wait")
	stateFlag(f, &conf.state)
	jsonFlag(c, &conf.json)
	return c
}

func (w *waitConf) run(ctx context.Context, a *app) error {
	if _, err := parseWanted(w.city); err != nil {
		return err
	}
	folder, err := w.folder(ctx)
	if err != nil {
		return err
	}
	var r waitReport
	query := url.Values{"city": {w.city}, "timeout": {time.Duration(w.timeout).String()}}
	if err := askAdmin(ctx, folder, http.MethodPost, "/wait?"+query.Encode(), &r); err != nil {
		return err
	}
	if w.json {
		err = a.printJSON(r)
	} else {
		_, err = fmt.Fprintln(a.out, r.sentence())
	}
	if err == nil && !r.Done {
		err = &verdict{codeFailed}
	}
	return err
}

// folder finds the state of the running tree that is meant: the named one, or the only one.
func (w *waitConf) folder(ctx context.Context) (string, error) {
	folders, err := stateFolder(w.state).trees()
	if err != nil {
		return "", fmt.Errorf("read state folder: %w", err)
	}
	var running []string
	known, names := false, ""
	for _, folder := range folders {
		tree, err := recall(folder)
		if err != nil || w.tree != "" && tree.Name != w.tree {
			continue
		}
		known = true
		if err := askAdmin(ctx, folder, http.MethodGet, "/status", nil); err == nil {
			running = append(running, folder)
			names += " --tree " + stream.Display(tree.Name)
		}
	}
	switch {
	case len(running) == 1:
		return running[0], nil
	case len(running) > 1:
		return "", usage("name one of"+names, "%d trees are served from %s", len(running), w.state)
	case w.tree != "" && !known:
		return "", usage("hydrasync status lists the trees; another --state may know more", "no tree %s in %s", strconv.Quote(w.tree), w.state)
	}
	return "", failed("start it, or name its --state; hydrasync status lists what runs", "no capitol runs from %s", w.state)
}
