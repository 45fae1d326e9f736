package relays

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// network is a registry, two capitols, relays and cities, each on a machine of its
// own. All have joined whom they go to. One city, narrow, may have a part of one tree.
type network struct {
	*world
	wan      *wan
	registry *machine
	sources  []source
	relays   []*machine
	cities   []*machine
	narrow   *machine
	outside  string // no root, and no tree

	roads map[string]road // by destination
	gone  map[string]bool
	cut   map[*machine]bool
	dead  map[*machine]bool
	tries int
}

// source is a tree and its capitol.
type source struct {
	tree, dir string
	capitol   *machine
}

// road is a highway of the plan.
type road struct {
	city    *machine
	source  int
	subDirs []string
}

// canary is in a directory that the narrow city may not have.
const canary = "CANARY-OF-A-DIRECTORY-THAT-IS-NOT-GRANTED"

func newNetwork(t *testing.T, relays, cities int) *network {
	t.Helper()
	n := &network{world: newWorld(t), roads: map[string]road{}, gone: map[string]bool{}, cut: map[*machine]bool{}, dead: map[*machine]bool{}}
	n.wan, n.outside = newWAN(t), filepath.Join(n.dir, "outside")
	for _, tree := range []string{"t", "u"} {
		s := source{tree, filepath.Join(n.dir, "src", tree), n.far("capitol-" + tree)}
		stand.Write(t, filepath.Join(s.dir, "z", canary), canary)
		n.churnIn(s.dir, 60)
		if err := os.Symlink(n.outside, filepath.Join(s.dir, "a", "leads-out")); err != nil {
			t.Fatal(err)
		}
		s.capitol.write(fmt.Sprintf("[serve]\n[[tree]]\nname = %q\ndir = %q\n", tree, s.dir))
		n.sources = append(n.sources, s)
	}
	n.registry = n.far("registry")
	for i := range relays {
		n.relays = append(n.relays, n.far(fmt.Sprint("relay", i)))
	}
	for i := range cities {
		c := n.far(fmt.Sprint("city", i))
		c.net.OneWay()
		n.cities = append(n.cities, c)
	}
	n.narrow = n.cities[0]
	n.tellPlan()
	n.begin()
	return n
}

// far is a machine with a network of its own.
func (n *network) far(name string) *machine {
	m := n.machine(name)
	n.wan.plug(m)
	return m
}

// begin starts everybody, in the order in which they know of each other.
func (n *network) begin() {
	n.t.Helper()
	n.registry.start()
	n.registry.process.Says(n.t, `"message":"listening"`)
	capitols := []*machine{n.sources[0].capitol, n.sources[1].capitol}
	for _, c := range capitols {
		c.start()
		c.process.Says(n.t, `"message":"serving"`)
	}
	for _, r := range n.relays {
		n.join(r, n.registry)
		n.join(r, capitols[0])
		config, err := os.ReadFile(r.file)
		if err != nil {
			n.t.Fatal(err)
		}
		stand.Write(n.t, r.file, string(config)+fmt.Sprintf("\n[serve]\nlisten = %q\n", r.addr))
		r.start()
		r.process.Says(n.t, `"tree":"t"`) // it serves, so it can invite
	}
	for _, c := range n.cities {
		n.join(c, n.registry)
		if c == n.narrow {
			n.join(c, capitols[0], "--tree", "t", "--sub-dir", "a")
		} else {
			for _, to := range slices.Concat(capitols, n.relays) {
				n.join(c, to)
			}
		}
		c.start()
	}
}

// join brings a code from one machine to the other.
func (n *network) join(m, to *machine, grants ...string) {
	n.t.Helper()
	code := strings.TrimSpace(stand.MustRun(n.t, append([]string{"invite", m.name, "--state", to.stateNow(), "--address", to.addr, "--quiet"}, grants...)...))
	m.w.mkdir(m.home(""))
	m.do(func() { stand.MustRun(n.t, "join", code, "--to", m.home(""), "--no-start") })
	m.file = filepath.Join(m.home(".hydrasync"), "hydrasync.toml")
}

// stateNow is where its ledger is: who has joined a registry has it beside the config.
func (m *machine) stateNow() string {
	if strings.HasPrefix(m.file, m.home("")) {
		return filepath.Join(m.home(".hydrasync"), "machine")
	}
	return m.state()
}

// tellPlan writes the registry's file anew; more is added to it.
func (n *network) tellPlan(more ...string) {
	n.t.Helper()
	var text strings.Builder
	text.WriteString("[serve]\n")
	first := n.sources[0]
	for _, r := range n.relays {
		text.WriteString(highway(r.home("t"), []string{first.capitol.url("t")}, fmt.Sprintf("city = %q", r.name), "serve = true"))
	}
	for to, r := range n.roads {
		s := n.sources[r.source]
		var from []string
		if r.source == 0 && r.city != n.narrow {
			for _, relay := range n.relays {
				from = append(from, relay.url("t"))
			}
		}
		lines := []string{fmt.Sprintf("city = %q", r.city.name), `max_delete = "100%"`} // other sub_dirs are meant
		if len(r.subDirs) > 0 {
			lines = append(lines, fmt.Sprintf("sub_dirs = [%s]", `"`+strings.Join(r.subDirs, `", "`)+`"`))
		}
		text.WriteString(highway(to, append(from, s.capitol.url(s.tree)), lines...))
	}
	n.registry.write(text.String() + strings.Join(more, ""))
}

// mayNot has the plan say what a city may not do, waits until both ends have refused that, and takes it back.
func (n *network) mayNot() {
	n.t.Helper()
	c := n.cities[n.rng.IntN(len(n.cities))]
	n.tries++ // another place each time: what is told twice between two looks is heard once
	to, from := filepath.Join(n.outside, "deep", fmt.Sprint(n.tries)), n.sources[0].capitol.url("t")
	n.tellPlan(highway(to, []string{from}, fmt.Sprintf("city = %q", c.name)),
		highway(n.narrow.home("all"), []string{from}, fmt.Sprintf("city = %q", n.narrow.name)))
	n.until("the refusal of "+c.name, func() string {
		heard := strings.Contains(n.registry.process.Printed(), fmt.Sprintf(`%s\" is beneath none of this machine's roots`, to))
		if n.cut[c] || n.dead[c] || n.cut[n.registry] || n.dead[n.registry] || heard {
			return ""
		}
		return "the registry has not heard of it"
	})
	n.tellPlan()
}
