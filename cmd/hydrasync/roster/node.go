package roster

import (
	"cmp"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// Node is what is known of one replica.
type Node struct {
	stream.Report
	Tree   string        // as it is served here; "" if it is not
	Teller string        // who told it, as this machine knows him; "" is this machine
	Lag    time.Duration // since it was level, if entries are lacking
}

// Nodes lists all, each once: what is told from near goes before what is told from afar, and
// who is here before who is lost.
func (r *Roster) Nodes() []Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	best := make(map[string]key)
	for k, one := range r.rows {
		if one.own && one.Lost != stream.Here {
			continue // it is no more
		}
		if was, known := best[k.id]; !known || one.betterLocked(r.rows[was]) {
			best[k.id] = k
		}
	}
	heads := r.headsLocked()
	nodes := make([]Node, 0, len(best))
	for _, k := range best {
		one := r.rows[k]
		n := Node{Report: one.Report, Tree: one.Tree, Teller: k.teller}
		if one.Through != "" && best[n.Parent] != (key{k.teller, n.Parent}) {
			n.Parent = one.Through // nobody else's word says where it stands
		}
		n.measure(heads[n.Position.Epoch], r.now())
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return nodes
}

// lostTogether is within which two have lost the same city at once: then its own word counts.
const lostTogether = time.Minute

func (o *row) betterLocked(than *row) bool {
	rank := func(o *row) int {
		switch {
		case o.Lost == stream.Here && o.First:
			return 3
		case o.Lost == stream.Here:
			return 2
		}
		return 1
	}
	if a, b := rank(o), rank(than); a != b {
		return a > b
	}
	if d := o.LostSince.Sub(than.LostSince); o.Lost != stream.Here && d.Abs() > lostTogether {
		return d > 0
	}
	if o.First != than.First {
		return o.First
	}
	return o.mark > than.mark
}

// headsLocked is how far each history has come, as capitols and this machine say.
func (r *Roster) headsLocked() map[journal.Epoch]journal.Seq {
	heads := make(map[journal.Epoch]journal.Seq)
	for _, one := range r.rows {
		if one.own || one.First && one.Role == stream.RoleCapitol {
			heads[one.Position.Epoch] = max(heads[one.Position.Epoch], one.Position.Seq)
		}
	}
	return heads
}

// measure says how far behind a replica is: by the head, where that is known.
func (n *Node) measure(head journal.Seq, now time.Time) {
	if !n.Position.Epoch.IsZero() && head >= n.Position.Seq && n.State != connected {
		n.Behind = uint64(head - n.Position.Seq)
	}
	if n.Behind > 0 && !n.Level.IsZero() {
		n.Lag = max(now.Sub(n.Level), 0)
	}
}
