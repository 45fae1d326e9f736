package stream

import (
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/journal"
)

// A filtered relay has a portion of its tree, and serves what is within.

// has says that all of these sub_dirs are here; none are the whole tree.
func (t *Tree) has(subDirs []string) bool {
	own := journal.NewScope(t.SubDirs)
	if len(own) == 0 {
		return true
	}
	within := func(dir string) bool {
		return slices.ContainsFunc(own, func(o string) bool { return dir == o || strings.HasPrefix(dir, o+"/") })
	}
	wanted := journal.NewScope(subDirs)
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(dir string) bool { return !within(dir) })
}

// portion is what is here, for people.
func (t *Tree) portion() string {
	var names []string
	for _, dir := range t.SubDirs {
		names = append(names, Display(dir))
	}
	return strings.Join(names, ", ")
}

// within refuses a city that asks for more than is here.
func (p *subscription) within() error {
	if p.tree.has(p.hello.SubDirs) {
		return nil
	}
	return &ownFault{fault{Code: CodePortion, Permanent: true,
		Text: "this relay has only a part of tree " + Display(p.tree.Name) + ": " + p.tree.portion()}}
}

// unable is why a relay puts off what it cannot judge: see [Tree.Unable].
func (p *subscription) unable() error {
	if p.tree.Unable == nil {
		return nil
	}
	if why := p.tree.Unable(p.hello.Position); why != "" {
		return &ownFault{fault{Code: CodeStale, Text: why}}
	}
	return nil
}
