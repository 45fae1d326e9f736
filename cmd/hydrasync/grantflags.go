package main

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

// grantFlags are --tree NAME [--sub-dir D]…, repeatable: a sub_dir belongs to
// the tree before it.
type grantFlags struct{ grants []ledger.Grant }

func (g *grantFlags) flags(f *pflag.FlagSet) {
	f.Var((*treeGrant)(g), "tree", "a tree that the city may have (repeatable)")
	f.Var((*dirGrant)(g), "sub-dir", "only this directory of the tree named before (repeatable)")
}

type treeGrant grantFlags

// Set implements pflag.Value.
func (g *treeGrant) Set(name string) error {
	if !journal.ValidName(name) || strings.HasPrefix(name, ".") {
		return usage("one path component that does not begin with a dot", "%q is no name of a tree", name)
	}
	if slices.ContainsFunc(g.grants, func(o ledger.Grant) bool { return o.Tree == name }) {
		return usage("give all its --sub-dir after one --tree", "tree %q is given twice", name)
	}
	g.grants = append(g.grants, ledger.Grant{Tree: name})
	return nil
}

// Type implements pflag.Value.
func (g *treeGrant) Type() string { return "name" }

// String implements pflag.Value.
func (g *treeGrant) String() string { return "" }

type dirGrant grantFlags

// Set implements pflag.Value.
func (g *dirGrant) Set(dir string) error {
	dir = path.Clean(dir)
	switch {
	case len(g.grants) == 0:
		return usage("--tree NAME --sub-dir DIR", "a --sub-dir comes after the --tree that it is in")
	case !filepath.IsLocal(dir) || dir == ".":
		return usage(`relative and without "..": --sub-dir docs/en`, "%q is not a path inside the tree", dir)
	}
	last := &g.grants[len(g.grants)-1]
	last.SubDirs = append(last.SubDirs, dir)
	return nil
}

// Type implements pflag.Value.
func (g *dirGrant) Type() string { return "dir" }

// String implements pflag.Value.
func (g *dirGrant) String() string { return "" }

// grantsText is for a line of a table.
func grantsText(grants []ledger.Grant) string {
	var all []string
	for _, g := range grants {
		name := strconv.Quote(g.Tree)
		if stream.Display(g.Tree) == g.Tree && !strings.ContainsAny(g.Tree, " ,()") {
			name = g.Tree
		}
		if g.Tree == "" {
			name = "every tree"
		}
		if len(g.SubDirs) > 0 {
			dirs := make([]string, len(g.SubDirs))
			for i, dir := range g.SubDirs {
				dirs[i] = stream.Display(dir)
			}
			name += " (" + strings.Join(dirs, ", ") + ")"
		}
		all = append(all, name)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}
