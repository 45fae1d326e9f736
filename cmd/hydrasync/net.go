package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/journal/ledger"
	"github.com/hydrasync/hydrasync/stream"
)

const netLong = `net shows every machine that this one knows: who pulls what from whom, and how it is.

It runs beside a capitol, a relay or a registry, and shows its own trees and replicas, the
cities that are connected to it, and those beneath relays, of which these tell. On a registry it shows all machines
that follow its plan. Who is gone stays listed for 90 days. Where nothing runs, it shows what was last known.`

// netConf is what the flags of net say.
type netConf struct {
	state, tree string
	json        bool
}

func newNet(a *app) *cobra.Command {
	var conf netConf
	c := &cobra.Command{
		Use:     "net",
		Short:   "Show who pulls what from whom, and how each is",
		Long:    netLong,
		Example: "  hydrasync net\n  hydrasync net --tree site --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return conf.run(c.Context(), a) },
	}
	c.Flags().StringVar(&conf.tree, "tree", "", "only this tree")
	stateFlag(c.Flags(), &conf.state)
	jsonFlag(c, &conf.json)
	return c
}

// netNode is what net says of one replica, or of a tree that is watched. Names are escaped.
type netNode struct {
	roster.Line
	ToldBy string  `json:"told_by,omitempty"` // "": this machine
	Words  string  `json:"words"`             // the state, as people are told
	Lag    float64 `json:"behind_seconds"`    // since it was level with its source; 0 if no entry is lacking
}

// netSocket is the name of the socket of the process that serves on an address: nobody else can be there.
func netSocket(addr string) string {
	return "net-" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("/[]%", r) {
			return '_'
		}
		return r
	}, addr) + ".sock"
}

// answer tells net what is known, until ctx ends.
func (h *house) answer(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /net", func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range h.sources() {
			s.tellRoster() // where it is now
		}
		answer(w)(netNodes(h.roster.Nodes()), nil)
	})
	return serveSocket(ctx, string(h.state), netSocket(h.door.addr), mux)
}

func netNodes(known []roster.Node) []netNode {
	nodes := make([]netNode, 0, len(known))
	for i := range known {
		n := &known[i]
		one := netNode{Line: roster.LineOf(&n.Report), ToldBy: strings.TrimPrefix(n.Teller, "@"), Words: words(n), Lag: n.Lag.Seconds()}
		if n.Tree != "" {
			one.Tree = n.Tree
		}
		for _, text := range []*string{&one.ID, &one.Parent, &one.Name, &one.Address, &one.Serves, &one.Version, &one.From, &one.State, &one.Why, &one.Tree, &one.ToldBy, &one.Words} {
			*text = stream.Display(*text)
		}
		nodes = append(nodes, one)
	}
	return nodes
}

func (c *netConf) run(ctx context.Context, a *app) error {
	nodes, running, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	if c.tree != "" {
		nodes = ofTree(nodes, c.tree)
	}
	if c.json {
		return a.printJSON(nodes)
	}
	return drawNet(a, nodes, running, time.Now())
}

// nodes asks who serves from this state, or else the ledger.
func (c *netConf) nodes(ctx context.Context) (nodes []netNode, running bool, err error) {
	sockets, err := filepath.Glob(filepath.Join(globEscape(c.state), "net-*.sock"))
	if err != nil {
		return nil, false, err
	}
	nodes = []netNode{}
	for _, path := range sockets {
		var some []netNode
		err := askSocket(ctx, c.state, filepath.Base(path), http.MethodGet, "/net", &some)
		if errors.Is(err, errNotRunning) {
			continue // it died
		}
		if err != nil {
			return nil, false, err
		}
		nodes, running = append(nodes, some...), true
	}
	if running {
		return onceEach(nodes), true, nil
	}
	if _, err := os.Stat(filepath.Join(c.state, ledger.Name)); os.IsNotExist(err) {
		return nodes, false, nil
	} else if err != nil {
		return nil, false, failed(permissionHint(err), "read what is known: %w", err)
	}
	book, err := ledger.Open(ctx, c.state)
	if err != nil {
		return nil, false, err
	}
	defer book.Close()
	known, err := roster.Kept(ctx, book)
	return netNodes(known), false, err
}

// globEscape takes a path for what it is.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// onceEach keeps of two processes' words the better one.
func onceEach(nodes []netNode) (once []netNode) {
	at := map[string]int{}
	for _, n := range nodes {
		i, twice := at[n.ID]
		switch {
		case !twice:
			at[n.ID] = len(once)
			once = append(once, n)
		case once[i].Lost != "" && n.Lost == "":
			once[i] = n
		}
	}
	return once
}

// ofTree keeps the nodes of a tree's name and what hangs on them.
func ofTree(nodes []netNode, tree string) []netNode {
	kept := []netNode{}
	for _, n := range nodes {
		if n.Tree == tree {
			kept = append(kept, n)
		}
	}
	return kept
}

// words is the state of a replica for people.
func words(n *roster.Node) string {
	lost := ""
	if n.Lost != stream.Here {
		lost = n.Lost.String() + " since " + n.LostSince.Local().Format(logTime)
	}
	switch {
	case lost != "" && refuses(n.State):
		return explained(n) + " (" + lost + ")" // it comes again and again, and leaves as often
	case lost != "":
		return lost
	case n.State == "in step" && n.Behind > 0:
		return "catching up" // it has not yet said so
	case n.State == "catching up" && n.Percent > 0:
		return "catching up " + percentText(n.Percent)
	case n.State == "catching up":
		return n.State
	}
	return explained(n)
}

// explained is a state with its reason, in which the state is not told once more.
func explained(n *roster.Node) string {
	why := strings.TrimPrefix(strings.TrimPrefix(n.Why, "hold: "), n.State+": ")
	if why == "" {
		return n.State
	}
	return n.State + ": " + why
}

// refuses says that a city takes nothing, whoever can be reached.
func refuses(state string) bool {
	switch state {
	case "held", "no space", "read-only", "destination lost", diskError:
		return true
	}
	return false
}
