package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/joincode"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

const inviteLong = `invite makes a join code for a city, on the machine of its capitol: one line with
the capitol's addresses, the pin of its certificate and a secret that is good
once, for a while. Bring it to the city's machine and type hydrasync join there.

Without --tree the city may have every tree, also those that are added later.`

// inviteConf is what the flags of invite say.
type inviteConf struct {
	codeConf
	grants grantFlags
}

// codeConf is what every code needs.
type codeConf struct {
	state     string
	expires   duration
	addresses []string
	json      bool
}

func (c *codeConf) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	c.expires = duration(24 * time.Hour)
	stateFlag(f, &c.state)
	f.Var(&c.expires, "expires", "how long the code is good")
	f.StringArrayVar(&c.addresses, "address", nil, "where the city finds the capitol, e.g. https://capitol.example:49996 (repeatable; default: every address of this machine)")
	jsonFlag(cmd, &c.json)
}

func newInvite(a *app) *cobra.Command {
	var conf inviteConf
	c := &cobra.Command{
		Use:     "invite CITY",
		Short:   "Make a join code for a city",
		Long:    inviteLong,
		Example: "  hydrasync invite berlin\n  hydrasync invite berlin --tree site --tree docs --sub-dir en --expires 1h\n  hydrasync invite berlin --address https://capitol.example",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return conf.run(c.Context(), a, args[0]) },
	}
	conf.flags(c)
	conf.grants.flags(c.Flags())
	return c
}

func (c *inviteConf) run(ctx context.Context, a *app, city string) error {
	if !ledger.ValidCity(city) {
		return usage("letters, digits, dots, dashes and underscores, at most 64", "%q is no name of a city", city)
	}
	book, err := openBook(ctx, c.state)
	if err != nil {
		return err
	}
	defer book.Close()
	grants := c.grants.grants
	if len(grants) == 0 {
		grants = ledger.Everything()
	}
	err = c.print(ctx, a, book, ledger.Invite{City: city, Grants: grants})
	if errors.Is(err, ledger.ErrJoined) {
		return failed("hydrasync city rotate "+city+" gives it another credential; hydrasync city grant changes what it may have", "%w", err)
	}
	return err
}

// openBook opens a ledger that is there.
func openBook(ctx context.Context, state string) (*ledger.Ledger, error) {
	if _, err := os.Stat(filepath.Join(state, ledger.Name)); errors.Is(err, fs.ErrNotExist) {
		return nil, failed("start it first: hydrasync capitol --tree NAME=DIR; or name its folder: --state DIR", "no capitol has served from %s yet", strconv.Quote(state))
	}
	return ledger.Open(ctx, state)
}

// codeReport is a code for programs.
type codeReport struct {
	City      string    `json:"city"`
	Code      string    `json:"code"`
	Expires   time.Time `json:"expires"`
	Addresses []string  `json:"addresses"`
	Pin       string    `json:"pin,omitempty"`
}

// print makes the code and prints it, alone on a line: a script may take it.
func (c *codeConf) print(ctx context.Context, a *app, book *ledger.Ledger, in ledger.Invite) error {
	at, err := servingOf(ctx, book, in.Grants)
	if err != nil {
		return err
	}
	code := joincode.Code{Pin: at.Pin}
	if code.Addresses, err = c.where(at); err != nil {
		return err
	}
	in.Expires = time.Now().Add(time.Duration(c.expires)).UTC().Truncate(time.Second)
	if code.Secret, err = book.Invite(ctx, in); err != nil {
		return err
	}
	text, err := code.Encode()
	if err != nil {
		return err
	}
	if c.json {
		return a.printJSON(codeReport{in.City, text, in.Expires, code.Addresses, code.Pin})
	}
	if !a.common.quiet {
		fmt.Fprintf(a.err, "good once, until %s; on the city's machine: hydrasync join CODE --to DIR\n", in.Expires.Local().Format("2006-01-02 15:04"))
	}
	_, err = fmt.Fprintln(a.out, text)
	return err
}

// servingOf is where the trees are served: what was started last, of what has them all.
func servingOf(ctx context.Context, book *ledger.Ledger, grants []ledger.Grant) (*ledger.Serving, error) {
	all, err := book.Serving(ctx)
	if err != nil {
		return nil, err
	}
	var known []string
	for i := range all {
		if !slices.ContainsFunc(grants, func(g ledger.Grant) bool { return g.Tree != "" && !slices.Contains(all[i].Trees, g.Tree) }) {
			return &all[i], nil
		}
		for _, t := range all[i].Trees {
			known = append(known, stream.Display(t))
		}
	}
	if len(all) == 0 {
		return nil, failed("start it first: hydrasync capitol --tree NAME=DIR", "no capitol has served from this state yet")
	}
	slices.Sort(known)
	return nil, usage("served here: "+strings.Join(slices.Compact(known), ", "), "no capitol on this machine serves %s", grantsText(grants))
}

// where are the addresses of the code.
func (c *codeConf) where(at *ledger.Serving) ([]string, error) {
	if len(c.addresses) == 0 {
		return addressesOf(at)
	}
	var all []string
	for _, text := range c.addresses {
		address, err := webAddress(text, at.TLS || at.Proxy)
		if err != nil {
			return nil, usage("write --address https://HOST:PORT", "%w", err)
		}
		all = append(all, address)
	}
	if len(all) > joincode.MostAddresses {
		return nil, usage(fmt.Sprintf("%d are enough", joincode.MostAddresses), "%d addresses are too many", len(all))
	}
	return all, nil
}
