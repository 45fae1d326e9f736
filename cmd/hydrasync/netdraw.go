package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// netDrawing draws each node beneath the one that it pulls from.
type netDrawing struct {
	nodes    []netNode
	children map[string][]int // by the parent's id
	drawn    []bool
	now      time.Time
	out      *tabwriter.Writer
}

// drawNet is the table of all nodes; its first column is the graph.
func drawNet(a *app, nodes []netNode, running bool, now time.Time) error {
	if len(nodes) == 0 {
		_, err := fmt.Fprintln(a.out, "nobody is known here: net runs beside a capitol, a relay or a registry (--state)")
		return err
	}
	if !running {
		fmt.Fprintln(a.out, "nothing serves from this state now; this was known last")
	}
	d := &netDrawing{nodes: nodes, now: now, children: map[string][]int{}, drawn: make([]bool, len(nodes)), out: tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)}
	known := map[string]bool{}
	for i := range nodes {
		known[nodes[i].ID] = true
	}
	var roots []int
	for i := range nodes {
		if parent := nodes[i].Parent; parent != "" && known[parent] {
			d.children[parent] = append(d.children[parent], i)
			continue
		}
		roots = append(roots, i)
	}
	fmt.Fprintln(d.out, "NODE\tTREE\tROLE\tADDRESS\tVERSION\tTLS\tENTRY\tBEHIND\tVERIFIED\tSTATE")
	d.drawRoots(roots)
	for i := range nodes { // a circle hangs on nothing
		d.draw(i, "", "")
	}
	return d.out.Flush()
}

// drawRoots draws what hangs on nothing that is known, by where it comes from.
func (d *netDrawing) drawRoots(roots []int) {
	from := map[string][]int{}
	var sources []string
	for _, i := range roots {
		if n := &d.nodes[i]; n.From == "" || n.Role == "capitol" {
			d.draw(i, "", "")
			continue
		}
		source := d.nodes[i].From
		if from[source] == nil {
			sources = append(sources, source)
		}
		from[source] = append(from[source], i)
	}
	slices.Sort(sources)
	for _, source := range sources {
		fmt.Fprintf(d.out, "%s\t-\t-\t-\t-\t-\t-\t-\t-\tdoes not report here\n", source)
		d.drawAll(from[source], "")
	}
}

// drawAll draws the children of one node; before is what stands left of them.
func (d *netDrawing) drawAll(children []int, before string) {
	for at, i := range children {
		branch, after := "├─ ", "│  "
		if at == len(children)-1 {
			branch, after = "└─ ", "   "
		}
		d.draw(i, before+branch, before+after)
	}
}

// maxDepth is how deep a drawing goes: what others tell may be a chain without end.
const maxDepth = 64

func (d *netDrawing) draw(i int, branch, before string) {
	if d.drawn[i] {
		return
	}
	d.drawn[i] = true
	n := &d.nodes[i]
	fmt.Fprintf(d.out, "%s%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", branch, dash(n.Name), dash(n.Tree), n.Role, dash(n.address()), dash(n.Version), n.tls(), n.entry(),
		n.behind(), n.verified(d.now), shortened(n.Words, longestState))
	if utf8.RuneCountInString(before) < 3*maxDepth {
		d.drawAll(d.children[n.ID], before)
	}
}

// longestState keeps the table in shape; --json has all.
const longestState = 100

func shortened(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// address is from where it comes, with the port on which it serves.
func (n *netNode) address() string {
	_, port, err := net.SplitHostPort(n.Serves)
	switch {
	case err != nil:
		return n.Address
	case n.Address == "":
		return n.Serves
	}
	return net.JoinHostPort(n.Address, port)
}

func (n *netNode) tls() string {
	switch {
	case n.TLS:
		return "yes"
	case n.Role != "capitol" && n.From == "" && n.Address == "":
		return "-"
	}
	return "NO"
}

func (n *netNode) entry() string {
	if n.Epoch == "" {
		return "-"
	}
	return strconv.FormatUint(n.Seq, 10)
}

func (n *netNode) behind() string {
	switch {
	case n.Role == "capitol" || n.Epoch == "":
		return "-"
	case n.Behind == 0:
		return "0"
	}
	return fmt.Sprintf("%d, %ds", n.Behind, int64(n.Lag))
}

func (n *netNode) verified(now time.Time) string {
	v := n.Verified
	if v == nil {
		return "-"
	}
	wrong := v.Missing + v.Differs
	said := "equal"
	switch {
	case wrong > 0 && v.Repaired >= wrong:
		said = fmt.Sprintf("%d repaired", wrong)
	case wrong > 0:
		said = fmt.Sprintf("%d DIFFER", wrong)
	}
	return said + " " + now.Sub(v.At).Round(time.Second).String() + " ago"
}

func percentText(p uint8) string { return strconv.Itoa(int(p)) + " %" }
