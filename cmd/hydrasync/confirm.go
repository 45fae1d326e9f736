package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/stream"
)

const confirmLong = `confirm releases a hold: DIR is a replica that refused to delete much at once.

It shows what will go; what goes is kept in the replica's trash for a while.`

func newConfirm(a *app) *cobra.Command {
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:     "confirm DIR",
		Short:   "Release a hold",
		Long:    confirmLong,
		Example: "  hydrasync confirm /srv/copy --dry-run\n  hydrasync confirm /srv/copy",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return confirm(c.Context(), a, args[0], dryRun, asJSON)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only show what the hold would delete")
	jsonFlag(c, &asJSON)
	return c
}

func confirm(ctx context.Context, a *app, dir string, dryRun, asJSON bool) error {
	at, err := findPlace(dir)
	if err != nil || !replica(at.path) {
		return usage("name the directory that a city or mirror writes to", "%s is not a replica", strconv.Quote(dir))
	}
	hold, err := applier.ReadHold(at.path)
	if err != nil {
		return err
	}
	if hold == nil {
		if r, err := readReport(ctx, filepath.Join(at.path, applier.StateName)); err == nil && r.State == "held" {
			return failed(r.Why, "%s is held by a limit, which nobody can confirm away", strconv.Quote(dir))
		}
		return failed("hydrasync status "+strconv.Quote(dir)+" says how it is", "nothing is held in %s", strconv.Quote(dir))
	}
	if !dryRun {
		if hold, err = applier.Confirm(at.path); err != nil {
			return err
		}
		err := askAdmin(ctx, filepath.Join(at.path, applier.StateName), http.MethodPost, "/retry", nil)
		if err != nil && !errors.Is(err, errNotRunning) {
			return err
		}
	}
	if asJSON {
		return a.printJSON(hold)
	}
	return printHold(a, hold)
}

func printHold(a *app, h *applier.Hold) error {
	fmt.Fprintf(a.out, "%s of %s paths would be deleted, held since %s:\n", countText(h.Deletions), countText(h.Total), ago(h.Since))
	for _, path := range h.Examples {
		fmt.Fprintf(a.out, "  %s\n", stream.Display(path))
	}
	if int64(len(h.Examples)) < h.Deletions {
		fmt.Fprintln(a.out, "  …")
	}
	if h.Confirmed {
		fmt.Fprintln(a.out, "confirmed: they go to the trash")
	}
	return nil
}
