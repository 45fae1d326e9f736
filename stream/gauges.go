package stream

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges shows trees and cities as they are when somebody asks; between two
// scrapes it costs nothing.
type gauges struct {
	server *Server

	seq, floor, paths, bytes, ready *prometheus.Desc // by tree
	cities                          *prometheus.Desc // by tree
	behind                          *prometheus.Desc // by tree and city
}

// scrapeTime bounds the reads of one scrape.
const scrapeTime = 5 * time.Second

func newGauges(s *Server) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hydrasync_"+name, help, labels, nil)
	}
	return &gauges{
		server: s,
		seq:    desc("journal_seq", "Last sequence number of the tree's journal.", "tree"),
		floor:  desc("journal_floor_seq", "Last sequence number that is compacted away.", "tree"),
		paths:  desc("tree_paths", "Paths in the tree, its root included.", "tree"),
		bytes:  desc("tree_bytes", "Bytes of all files of the tree together.", "tree"),
		ready:  desc("tree_ready", "1 once the journal tells of the whole tree, 0 during its first walk.", "tree"),
		cities: desc("cities", "Cities that are connected.", "tree"),
		behind: desc("city_behind_entries", "Entries that a connected city has not confirmed yet.", "tree", "city"),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.seq, g.floor, g.paths, g.bytes, g.ready, g.cities, g.behind} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	for _, t := range g.server.trees {
		g.collectTree(ctx, t, out)
	}
	g.collectCities(out)
}

// collectTree leaves out what cannot be read: a scrape shows the rest.
func (g *gauges) collectTree(ctx context.Context, t *tree, out chan<- prometheus.Metric) {
	name := Display(t.Name)
	tell := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, name)
	}
	tell(g.seq, float64(t.Journal.Position().Seq))
	ready := 0.0
	if t.certain() {
		ready = 1
	}
	tell(g.ready, ready)
	st, err := t.Journal.Stats(ctx)
	if err != nil {
		g.server.cfg.Log.Error().Err(err).Str("tree", name).Msg("cannot read the journal")
		return
	}
	tell(g.floor, float64(st.Floor))
	tell(g.paths, float64(st.Nodes))
	tell(g.bytes, float64(st.Bytes))
}

// collectCities shows the slowest of those that call themselves alike.
func (g *gauges) collectCities(out chan<- prometheus.Metric) {
	type who struct{ tree, city string }
	connected, behind := make(map[string]int), make(map[who]uint64)
	for _, t := range g.server.trees {
		connected[Display(t.Name)] = 0
	}
	for _, c := range g.server.Cities() {
		connected[c.Tree]++
		if w := (who{c.Tree, c.Name}); c.Confirms {
			behind[w] = max(behind[w], c.Behind)
		}
	}
	for tree, n := range connected {
		out <- prometheus.MustNewConstMetric(g.cities, prometheus.GaugeValue, float64(n), tree)
	}
	for w, n := range behind {
		out <- prometheus.MustNewConstMetric(g.behind, prometheus.GaugeValue, float64(n), w.tree, w.city)
	}
}
