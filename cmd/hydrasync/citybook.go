package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// newCityBook are the commands on a capitol that look after who has joined it. A capitol
// that runs hears of what they change within a second.
func newCityBook(a *app) []*cobra.Command {
	return []*cobra.Command{newCityList(a), newCityRevoke(a), newCityRotate(a), newCityGrant(a)}
}

// cityReport is a city that has joined, or may.
type cityReport struct {
	Name    string      `json:"name"`
	State   string      `json:"state"` // joined, revoked, invited
	Grants  []grantLine `json:"grants"`
	Created *time.Time  `json:"created,omitempty"`
	Rotated *time.Time  `json:"rotated,omitempty"`
	Revoked *time.Time  `json:"revoked,omitempty"`
	Seen    *time.Time  `json:"seen,omitempty"`
	Expires *time.Time  `json:"expires,omitempty"` // of the code that is out
	Remote  string      `json:"remote,omitempty"`
	Version string      `json:"version,omitempty"`

	grants []ledger.Grant
}

// grantLine is escaped; an empty tree is every tree.
type grantLine struct {
	Tree    string   `json:"tree"`
	SubDirs []string `json:"sub_dirs,omitempty"`
}

func newCityList(a *app) *cobra.Command {
	var state string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the cities that have joined this capitol, and what each may have",
		Example: "  hydrasync city list\n  hydrasync city list --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			book, err := openBook(c.Context(), state)
			if err != nil {
				return err
			}
			defer book.Close()
			reports, err := reportCities(c.Context(), book)
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.printJSON(reports)
			}
			return printCities(a, reports)
		},
	}
	stateFlag(c.Flags(), &state)
	jsonFlag(c, &asJSON)
	return c
}

func reportCities(ctx context.Context, book *ledger.Ledger) ([]cityReport, error) {
	cities, err := book.Cities(ctx)
	if err != nil {
		return nil, err
	}
	invites, err := book.Invites(ctx)
	if err != nil {
		return nil, err
	}
	reports, at := []cityReport{}, map[string]int{}
	for _, c := range cities {
		r := cityReport{Name: c.Name, State: "joined", grants: c.Grants, Created: when(c.Created), Rotated: when(c.Rotated),
			Revoked: when(c.Revoked), Seen: when(c.Seen), Remote: c.Remote, Version: stream.Display(c.Version)}
		if r.Revoked != nil {
			r.State = "revoked"
		}
		at[c.Name] = len(reports)
		reports = append(reports, r)
	}
	for _, in := range invites {
		i, known := at[in.City]
		if !known {
			i, reports = len(reports), append(reports, cityReport{Name: in.City})
		}
		r := &reports[i]
		if r.Expires = when(in.Expires); r.State != "joined" {
			r.State, r.grants = "invited", in.Grants
		}
	}
	for i := range reports {
		reports[i].Grants = []grantLine{}
		for _, g := range reports[i].grants {
			l := grantLine{Tree: stream.Display(g.Tree)}
			for _, dir := range g.SubDirs {
				l.SubDirs = append(l.SubDirs, stream.Display(dir))
			}
			reports[i].Grants = append(reports[i].Grants, l)
		}
	}
	return reports, nil
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func printCities(a *app, reports []cityReport) error {
	if len(reports) == 0 {
		_, err := fmt.Fprintln(a.out, "no city has joined; hydrasync invite CITY makes a join code")
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CITY\tSTATE\tMAY HAVE\tSEEN\tFROM\tVERSION")
	for i := range reports {
		r := &reports[i]
		seen := "never"
		if r.Seen != nil {
			seen = ago(*r.Seen)
		}
		state := r.State
		if r.Expires != nil {
			state += fmt.Sprintf(", code good for %s", tookText(time.Until(*r.Expires)))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, state, grantsText(r.grants), seen, dash(r.Remote), dash(r.Version))
	}
	return w.Flush()
}

// onBook runs do with the ledger, and says what to type where a city is not known.
func onBook(ctx context.Context, state string, do func(*ledger.Ledger) error) error {
	book, err := openBook(ctx, state)
	if err != nil {
		return err
	}
	err = do(book)
	if errors.Is(err, ledger.ErrNoCity) {
		err = usage("hydrasync city list shows those that have joined", "%w", err)
	}
	return errors.Join(err, book.Close())
}

func newCityRevoke(a *app) *cobra.Command {
	var state string
	c := &cobra.Command{
		Use:     "revoke CITY…",
		Short:   "Let cities in no more: they are cut off within a second",
		Example: "  hydrasync city revoke berlin",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, names []string) error {
			return onBook(c.Context(), state, func(book *ledger.Ledger) error {
				for _, name := range names {
					if err := book.Revoke(c.Context(), name); err != nil {
						return err
					}
					a.say("%s is revoked; what it has stays on its disk", stream.Display(name))
				}
				return nil
			})
		},
	}
	stateFlag(c.Flags(), &state)
	return c
}

func newCityRotate(a *app) *cobra.Command {
	var conf codeConf
	c := &cobra.Command{
		Use:   "rotate CITY",
		Short: "Make a join code that gives a city another credential",
		Long: `rotate makes a join code for a city that has joined. The credential that it has is
good until the code is used (hydrasync join CODE --to DIR, with the same DIR), and then no
more. If somebody else may have it: hydrasync city revoke, then hydrasync invite.`,
		Example: "  hydrasync city rotate berlin",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return onBook(c.Context(), conf.state, func(book *ledger.Ledger) error {
				return conf.print(c.Context(), a, book, ledger.Invite{City: args[0], Again: true})
			})
		},
	}
	conf.flags(c)
	return c
}

func newCityGrant(a *app) *cobra.Command {
	var state string
	var grants grantFlags
	var every bool
	c := &cobra.Command{
		Use:     "grant CITY --tree NAME [--sub-dir D]…",
		Short:   "Change what a city may have, at once",
		Long:    "grant replaces what a city may have. A city that asks for more than that from then on is refused; what it has stays on its disk.",
		Example: "  hydrasync city grant berlin --tree site --tree docs --sub-dir en\n  hydrasync city grant berlin --every-tree",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if every == (len(grants.grants) > 0) {
				return usage("--tree NAME [--sub-dir D]…, or --every-tree", "say what %s may have", stream.Display(args[0]))
			}
			if every {
				grants.grants = ledger.Everything()
			}
			return onBook(c.Context(), state, func(book *ledger.Ledger) error {
				if _, err := servingOf(c.Context(), book, grants.grants); err != nil {
					return err
				}
				return book.Grant(c.Context(), args[0], grants.grants)
			})
		},
	}
	stateFlag(c.Flags(), &state)
	grants.flags(c.Flags())
	c.Flags().BoolVar(&every, "every-tree", false, "everything, also trees that are added later")
	return c
}
