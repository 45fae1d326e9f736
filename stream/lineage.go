package stream

import (
	"slices"
	"strings"
)

// Ancestor is a place that a tree came through on its way to a city.
type Ancestor struct {
	ID      string // of that tree or replica: random, the same for ever, at most MaxReplica bytes
	Name    string // for people
	Capitol bool   // the tree is watched there; else it is a relay
}

// Lineage is the way of a tree, from its capitol to who serves it. A relay that
// is cut off from its own source stands alone in its lineage.
type Lineage []Ancestor

// Has says that a tree or replica is on the way.
func (l Lineage) Has(id string) bool {
	return id != "" && slices.ContainsFunc(l, func(a Ancestor) bool { return a.ID == id })
}

// Whole says that the way begins at a capitol.
func (l Lineage) Whole() bool { return len(l) > 0 && l[0].Capitol }

// String is for people.
func (l Lineage) String() string {
	var names []string
	for _, a := range l {
		names = append(names, Display(a.Name))
	}
	return strings.Join(names, " → ")
}

// Through is the way on through one more place. Of a way that has been there
// before only the circle is left, so that it does not grow for ever.
func (l Lineage) Through(own Ancestor) Lineage {
	if at := slices.IndexFunc(l, func(a Ancestor) bool { return a.ID == own.ID }); at >= 0 {
		l = l[at:]
	}
	return append(slices.Clone(l), own)
}

// lineage of a tree that does not say is unknown, and refuses nobody.
func (t *Tree) lineage() Lineage {
	if t.Lineage == nil {
		return nil
	}
	l := t.Lineage()
	return l[max(0, len(l)-MaxLineage):]
}

// notDescended refuses a city that the tree has come through: it would feed itself.
func (p *subscription) notDescended() error {
	way := p.tree.lineage()
	if !way.Has(p.hello.Replica) {
		return nil
	}
	at := slices.IndexFunc(way, func(a Ancestor) bool { return a.ID == p.hello.Replica })
	return &ownFault{fault{Code: CodeLoop, Permanent: true, Text: "the city would feed itself: " + append(slices.Clone(way[at:]), way[at]).String()}}
}

// tellLineage sends the tree's lineage to a city that knows another.
func (f *feeder) tellLineage() *wireLineage {
	now := f.tree.lineage()
	if !f.kin || slices.Equal(now, f.way) {
		return nil
	}
	f.way = now
	return &wireLineage{toLineage(now)}
}

// learn notes the lineage while a connection stands.
func (c *Client) learn(l Lineage) {
	c.mu.Lock()
	c.state.Welcome.Lineage = l
	st := c.state
	c.mu.Unlock()
	if c.cfg.OnState != nil {
		c.cfg.OnState(st)
	}
}

// featureLineage: the city is told when the lineage changes.
const featureLineage = "lineage"

type wireLineage struct {
	Lineage []wireAncestor `cbor:"1,keyasint"`
}

type wireAncestor struct {
	ID      bstr `cbor:"1,keyasint"`
	Name    bstr `cbor:"2,keyasint,omitempty"`
	Capitol bool `cbor:"3,keyasint,omitempty"`
}

func toLineage(l Lineage) (out []wireAncestor) {
	for _, a := range l {
		out = append(out, wireAncestor{bstr(clip(a.ID, MaxReplica)), bstr(clip(a.Name, MaxCityName)), a.Capitol})
	}
	return out
}

func fromLineage(w []wireAncestor) (l Lineage, err error) {
	if len(w) > MaxLineage {
		return nil, broken("lineage of %d", len(w))
	}
	for _, a := range w {
		if len(a.ID) > MaxReplica || len(a.Name) > MaxCityName {
			return nil, broken("name too long")
		}
		l = append(l, Ancestor{string(a.ID), string(a.Name), a.Capitol})
	}
	return l, nil
}

func (c *codec) decodeLineage(payload []byte) (Lineage, error) {
	var w wireLineage
	if err := c.decode(payload, &w); err != nil {
		return nil, err
	}
	return fromLineage(w.Lineage)
}
