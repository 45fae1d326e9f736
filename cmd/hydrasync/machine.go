package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
)

// machineConf is one of several machines that a file describes. What it says takes the
// place of what the top of the file says.
type machineConf struct {
	URL      string        `toml:"url"` // where its trees are served
	State    string        `toml:"state"`
	Roots    []string      `toml:"roots"`
	Bounds   *boundsConf   `toml:"bounds"`
	Serve    *serveConf    `toml:"serve"`
	Registry *registryConf `toml:"registry"`
}

// registryConf says where this machine's part of a plan comes from.
type registryConf struct {
	From string `toml:"from"`
	linkConf
}

func (r *registryConf) link() linkConf {
	l := r.linkConf
	l.From = r.From
	return l
}

// become makes the file that of one machine.
func (c *fileConf) become(name string) {
	if name != "" {
		c.Name = name
	}
	c.said = c.Name
	orDefault(&c.Name, machineName())
	m, ok := c.Machines[c.Name]
	if !ok {
		return
	}
	if m.State != "" {
		c.State = m.State
	}
	if m.Roots != nil {
		c.Roots = m.Roots
	}
	if m.Bounds != nil {
		c.Bounds = *m.Bounds
	}
	if m.Serve != nil {
		c.Serve, c.served = *m.Serve, true
	}
	if m.Registry != nil {
		c.Registry = *m.Registry
	}
}

// here says that something is this machine's: by its name, or by nobody's.
func (c *fileConf) here(machine string) bool { return machine == "" || machine == c.Name }

// trees are those that are watched here.
func (c *fileConf) trees() (own []treeConf) {
	for _, t := range c.Trees {
		if c.here(t.Capitol) {
			own = append(own, t)
		}
	}
	return own
}

// highways are those that end here.
func (c *fileConf) highways() (own []highwayConf) {
	for _, h := range c.Highways {
		if c.here(h.City) {
			own = append(own, h)
		}
	}
	return own
}

// described says that the file knows this machine, or does not say which it knows.
func (c *fileConf) described() bool {
	_, ok := c.Machines[c.Name]
	return ok || len(c.Machines) == 0
}

// tells says that the file has a part for other machines, and this one may tell them.
func (c *fileConf) tells() bool {
	return c.described() && slices.ContainsFunc(c.Highways, func(h highwayConf) bool { return !c.here(h.City) })
}

// machineProblem is about what the file says of machines.
func (c *fileConf) machineProblem() *problem {
	if !validMachine(c.Name) {
		return &problem{"name", fmt.Sprintf("%q is no name of a machine", c.Name), "letters, digits, dots, dashes and underscores, at most 64"}
	}
	for _, dir := range c.Roots {
		if !filepath.IsAbs(dir) {
			return &problem{"roots", fmt.Sprintf("root %q is not an absolute path", dir), `write roots = ["/srv"]`}
		}
	}
	if p := c.Bounds.problem("bounds."); p != nil {
		return p
	}
	if p := c.Registry.proxyProblem("registry."); p != nil {
		return p
	}
	if from := c.Registry.From; from != "" {
		if _, tree, err := httpBase(from); err != nil || tree != "" {
			return &problem{"registry.from", fmt.Sprintf("%q is no address of a registry", from), `write from = "wss://HOST:PORT"`}
		}
	}
	for name, m := range c.Machines {
		at := "machine." + name + "."
		if !validMachine(name) {
			return &problem{at, fmt.Sprintf("%q is no name of a machine", name), "letters, digits, dots, dashes and underscores, at most 64"}
		}
		if _, tree, err := httpBase(m.URL); m.URL != "" && (err != nil || tree != "") {
			return &problem{at + "url", fmt.Sprintf("%q is no address of a machine", m.URL), `write url = "wss://HOST:PORT"`}
		}
	}
	return c.namesProblem()
}

// namesProblem finds machines that are named and not described.
func (c *fileConf) namesProblem() *problem {
	known := func(name string) bool {
		_, described := c.Machines[name]
		return described || len(c.Machines) == 0 && validMachine(name) || c.here(name)
	}
	unknown := func(key, name string) *problem {
		if known(name) {
			return nil
		}
		instead := fmt.Sprintf("write [machine.%s], or one of: %s", name, strings.Join(slices.Sorted(maps.Keys(c.Machines)), ", "))
		if !validMachine(name) {
			instead = "letters, digits, dots, dashes and underscores, at most 64"
		}
		return &problem{key, fmt.Sprintf("%q is no machine of this plan", name), instead}
	}
	for i, t := range c.Trees {
		if p := unknown(fmt.Sprintf("tree.%d.capitol", i), t.Capitol); p != nil {
			return p
		}
	}
	for i, h := range c.Highways {
		if p := unknown(fmt.Sprintf("highway.%d.city", i), h.City); p != nil {
			return p
		}
	}
	return nil
}

// stop is a tree as one machine serves it; without a name it is this one.
func (c *fileConf) stop(machine, tree string) plan.Stop {
	orDefault(&machine, c.Name)
	return plan.Stop{Machine: machine, Tree: tree}
}

// machineAt finds whose address a source is.
func (c *fileConf) machineAt(from string) (name, tree string) {
	base, tree, err := httpBase(from)
	if err != nil {
		return "", ""
	}
	for name, m := range c.Machines {
		if own, _, err := httpBase(m.URL); err == nil && own == base {
			return name, tree
		}
	}
	return "", ""
}

// circleProblem finds relays of the plan that have only one another to come from.
func (c *fileConf) circleProblem() *problem {
	var ways []plan.Way
	var at []int
	for i, h := range c.Highways {
		if h.ServeAs == "" {
			continue
		}
		w := plan.Way{To: c.stop(h.City, h.ServeAs)}
		for _, from := range h.Sources {
			machine, tree := c.machineAt(from)
			w.From = append(w.From, plan.Stop{Machine: machine, Tree: tree})
		}
		ways, at = append(ways, w), append(at, i)
	}
	i, text, found := plan.Circle(ways)
	if !found {
		return nil
	}
	return &problem{fmt.Sprintf("highway.%d.from", at[i]), "these relays only feed one another: " + text, "name the capitol among the sources of one of them"}
}

// placesProblem finds, by their names alone, directories of one machine that are in
// each other's way. Those of this machine are looked at once more on the disk.
func (c *fileConf) placesProblem() *problem {
	type place struct {
		dir, key string
	}
	by := map[string][]place{}
	add := func(machine, dir, key string) {
		orDefault(&machine, c.Name)
		by[machine] = append(by[machine], place{dir, key})
	}
	for i, t := range c.Trees {
		add(t.Capitol, t.Dir, fmt.Sprintf("tree.%d.dir", i))
	}
	for i, h := range c.Highways {
		add(h.City, h.To, fmt.Sprintf("highway.%d.to", i))
	}
	for _, machine := range slices.Sorted(maps.Keys(by)) {
		var dirs []string
		for _, p := range by[machine] {
			dirs = append(dirs, p.dir)
		}
		i, j, found := plan.Nested(dirs)
		first, second := by[machine][max(i, 0)], by[machine][max(j, 0)]
		switch {
		case !found || strings.HasPrefix(first.key, "tree.") && strings.HasPrefix(second.key, "tree.") && filepath.Clean(first.dir) != filepath.Clean(second.dir):
		case filepath.Clean(first.dir) == filepath.Clean(second.dir):
			return &problem{second.key, fmt.Sprintf("%q is the directory of two blocks", second.dir), "each needs one of its own"}
		default:
			return &problem{second.key, fmt.Sprintf("%q and %q are one inside the other", first.dir, second.dir), "put them beside each other"}
		}
	}
	return nil
}
