package main

import (
	_ "embed"
	"fmt"

	"github.com/spf13/cobra"
)

// sample is what `config dump` prints: every key, with its default and what it means.
//
//go:embed sample.toml
var sample string

func newConfig(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "config check|dump",
		Short:   "Validate a config file, or print a commented sample",
		Example: "  hydrasync config dump > hydrasync.toml\n  hydrasync config check hydrasync.toml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usage("usage: hydrasync config check FILE, or hydrasync config dump", "config does one of two things")
		},
	}
	c.AddCommand(newConfigCheck(a), newConfigDump(a))
	return c
}

func newConfigCheck(a *app) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:     "check FILE",
		Short:   "Say whether a config file is right, and what to write instead",
		Example: "  hydrasync config check /etc/hydrasync.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			conf, err := readConfig(args[0], name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s is right: %d trees, %d highways\n", args[0], len(conf.Trees), len(conf.Highways))
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "check it as this machine of several")
	return c
}

func newConfigDump(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "dump",
		Short:   "Print a commented sample",
		Example: "  hydrasync config dump > hydrasync.toml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.out, sample)
			return err
		},
	}
}
