package stream

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/hydrasync/hydrasync/stream/metrics"
)

// gauges shows trees and cities as they are now; between two scrapes it costs nothing.
func (s *Server) gauges(ctx context.Context) []metrics.Family {
	return append(s.treeGauges(ctx), s.cityGauges()...)
}

func gauge(name, help string) metrics.Family {
	return metrics.Family{Name: "hydrasync_" + name, Kind: metrics.Gauge, Help: help}
}

// treeGauges leaves out what cannot be read: a scrape shows the rest.
func (s *Server) treeGauges(ctx context.Context) []metrics.Family {
	seq := gauge("journal_seq", "Last sequence number of the tree's journal.")
	floor := gauge("journal_floor_seq", "Last sequence number that is compacted away.")
	paths := gauge("tree_paths", "Paths in the tree, its root included.")
	bytes := gauge("tree_bytes", "Bytes of all files of the tree together.")
	ready := gauge("tree_ready", "1 once the journal tells of the whole tree, 0 during its first walk.")
	for _, name := range s.Names() {
		t, done, ok := s.use(name)
		if !ok {
			continue
		}
		labels := []string{"tree", Display(name)}
		tell := func(f *metrics.Family, v float64) {
			f.Samples = append(f.Samples, metrics.Sample{Labels: labels, Value: v})
		}
		tell(&seq, float64(t.Journal.Position().Seq))
		certain := 0.0
		if t.certain() {
			certain = 1
		}
		tell(&ready, certain)
		st, err := t.Journal.Stats(ctx)
		done()
		if err != nil {
			s.cfg.Log.Error().Err(err).Str("tree", Display(name)).Msg("cannot read the journal")
			continue
		}
		tell(&floor, float64(st.Floor))
		tell(&paths, float64(st.Nodes))
		tell(&bytes, float64(st.Bytes))
	}
	return []metrics.Family{seq, floor, paths, bytes, ready}
}

// cityGauges shows the slowest of those that call themselves alike.
func (s *Server) cityGauges() []metrics.Family {
	type who struct{ city, tree string }
	connected, behind := make(map[string]int), make(map[who]uint64)
	for _, name := range s.Names() {
		connected[Display(name)] = 0
	}
	for _, c := range s.Cities() {
		connected[c.Tree]++
		if w := (who{c.Name, c.Tree}); c.Confirms {
			behind[w] = max(behind[w], c.Behind)
		}
	}
	cities := gauge("cities", "Cities that are connected.")
	for _, tree := range slices.Sorted(maps.Keys(connected)) {
		cities.Samples = append(cities.Samples, metrics.Sample{Labels: []string{"tree", tree}, Value: float64(connected[tree])})
	}
	lag := gauge("city_behind_entries", "Entries that a connected city has not confirmed yet.")
	order := func(x, y who) int { return cmp.Or(cmp.Compare(x.city, y.city), cmp.Compare(x.tree, y.tree)) }
	for _, w := range slices.SortedFunc(maps.Keys(behind), order) {
		lag.Samples = append(lag.Samples, metrics.Sample{Labels: []string{"city", w.city, "tree", w.tree}, Value: float64(behind[w])})
	}
	return []metrics.Family{cities, lag}
}
