package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLines are the lines of a text that call hydrasync.
var commandLines = regexp.MustCompile(`(?m)^ *(?:\$ )?(?:go run \./cmd/)?hydrasync ([a-z]+(?: [-A-Za-z./~].*?)?)(?: *[#&>].*)?$`)

// What README and examples tell people to type is a command with flags that exist.
func TestCommandsThatPeopleAreToldToTypeExist(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	network, err := os.ReadFile("../../docs/network.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"README.md": string(text), "docs/network.md": string(network)}
	each(newRoot(newApp(os.Stdout, os.Stderr)), func(c *cobra.Command) {
		texts[c.CommandPath()] = c.Example
		if c.Example == "" && !c.HasParent() || c.Short == "" {
			t.Errorf("%s lacks an example or a short help", c.CommandPath())
		}
	})
	found := 0
	for where, text := range texts {
		for _, m := range commandLines.FindAllStringSubmatch(text, -1) {
			found++
			checkCommand(t, where, strings.ReplaceAll(m[1], "'", ""))
		}
	}
	if found < 20 {
		t.Errorf("found %d commands only", found)
	}
}

func checkCommand(t *testing.T, where, line string) {
	t.Helper()
	root := newRoot(newApp(os.Stdout, os.Stderr))
	c, rest, err := root.Find(strings.Fields(line))
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s says %q: %v", where, line, err)
	}
}

func each(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		each(sub, do)
	}
}

// The README of the surface and the flags are one: a flag without help is none.
func TestEveryFlagHasHelp(t *testing.T) {
	each(newRoot(newApp(os.Stdout, os.Stderr)), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", c.CommandPath(), f.Name)
			}
		})
	})
}
