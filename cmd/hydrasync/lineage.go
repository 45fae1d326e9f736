package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// newID makes the id by which a tree or a replica is known in lineages.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// lineage of a tree that is watched here is this place alone.
func (s *source) lineage() stream.Lineage {
	return stream.Lineage{{ID: s.id, Name: s.conf.machine, Capitol: true}}
}

// lineage is the way of the replica's tree to here. Without a connection nothing
// that is known of it is of now.
func (c *city) lineage() stream.Lineage {
	now, _ := c.sight.look()
	return c.descent(&now).Through(stream.Ancestor{ID: c.known.ID, Name: c.conf.machine})
}

// descent is the way of the tree to who serves it to this city.
func (c *city) descent(now *situation) stream.Lineage {
	switch way := now.Link.Welcome.Lineage; {
	case now.Link.Phase != stream.Connected:
		return nil
	case len(way) > 0:
		return way
	}
	base, _, _ := httpBase(now.Link.From) // a source that tells nothing is taken for a capitol
	_, host, _ := strings.Cut(base, "://")
	return stream.Lineage{{Name: host, Capitol: true}}
}

// loop is the circle that this city has become a part of, or "". What one
// relay of a circle has, all have soon; what is new at the capitol reaches none.
func (c *city) loop(now *situation) string {
	if way := c.descent(now); way.Has(c.known.ID) {
		return way.Through(stream.Ancestor{ID: c.known.ID, Name: c.conf.machine}).String()
	}
	return ""
}

// unable says why this relay cannot judge a position that its journal does not
// know: see [stream.Tree].
func (c *city) unable(pos journal.Position) string {
	now, _ := c.sight.look()
	own := now.Own
	switch {
	case !c.descent(&now).Whole() || c.loop(&now) != "":
		return "this relay is cut off from the capitol and compares nobody"
	case pos.Epoch == own.Epoch && pos.Seq > own.Seq && pos.Seq > now.Peak.Seq:
		return fmt.Sprintf("this relay is at entry %d, behind the city at %d", uint64(own.Seq), uint64(pos.Seq))
	}
	return ""
}
