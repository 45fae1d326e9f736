package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/cmd/hydrasync/roster"
	"github.com/hydrasync/hydrasync/stream"
)

// keepReport keeps the roster's word of this replica, until ctx ends.
func (c *city) keepReport(ctx context.Context) error {
	var last stream.Report
	for {
		now, moved := c.sight.look()
		disk, _ := c.disk.Status(ctx) // what it says is said as far as it goes
		last = c.ownReport(&now, &disk, &last)
		c.roster.Own(last, c.conf.ServeAs)
		select {
		case <-moved:
		case <-ctx.Done():
			return nil
		}
		if !pause(ctx, roster.Step/2) {
			return nil
		}
	}
}

// ownReport is what others are told of this replica.
func (c *city) ownReport(now *situation, disk *applier.Status, last *stream.Report) stream.Report {
	from := cmp.Or(now.Link.From, c.conf.From)
	r := stream.Report{ID: c.known.ID, Verified: verifiedOf(disk.Verified),
		Who: stream.Who{Name: c.conf.machine, Role: stream.RoleCity, Version: thisVersion(), From: from, Tree: c.known.Name, TLS: strings.HasPrefix(from, "wss:") || strings.HasPrefix(from, "https:")}}
	if r.Name == "" {
		r.Name = cityName(c.conf.To)
	}
	if c.conf.ServeAs != "" && c.door != nil {
		r.Role, r.Serves = stream.RoleRelay, c.door.addr
	}
	if way := c.descent(now); len(way) > 0 {
		r.Parent = way[len(way)-1].ID
	}
	r.State, r.Why = c.state(now, disk)
	if r.State == "catching up" {
		r.Percent = now.percent()
	}
	r.Position, r.Behind = now.Own, now.behind()
	if !c.inStep(now) {
		r.Level = now.At
	}
	if r.Since = last.Since; r.State != last.State {
		r.Since = time.Now()
	}
	return r
}

func verifiedOf(v *applier.Report) (out stream.Verified) {
	if v != nil {
		out = stream.Verified{At: v.At, Missing: uint64(v.Missing), Differs: uint64(v.Differs), Repaired: uint64(v.Repaired)}
	}
	return out
}

// reportUp tells the capitol of this connection of this replica, and of those that are fed by it.
func (c *city) reportUp(ctx context.Context, tell func(stream.Report) error) {
	_ = c.roster.Follow(ctx, c.known.ID, func(news []stream.Report) error { // the connection says what is wrong with it
		for _, r := range news {
			if err := tell(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// reportStep is how often a capitol looks at itself while its journal stands still.
const reportStep = 15 * time.Second

// keepReport keeps the roster's word of this tree, until ctx ends.
func (s *source) keepReport(ctx context.Context) error {
	if s.roster == nil {
		return nil
	}
	for {
		seq := s.journal.Position().Seq
		s.tellRoster()
		wait, cancel := context.WithTimeout(ctx, reportStep)
		_ = s.journal.Wait(wait, seq) // whyever it ends, it is looked at again
		cancel()
		if !pause(ctx, roster.Step/2) {
			return nil
		}
	}
}

func (s *source) tellRoster() {
	st := s.watch.Status()
	r := stream.Report{ID: s.id, Who: stream.Who{Name: s.conf.machine, Role: stream.RoleCapitol, Version: thisVersion(), Tree: s.conf.Name},
		Situation: stream.Situation{State: string(st.State), Why: st.Why, Position: s.journal.Position()}}
	if r.Name == "" {
		r.Name = machineName()
	}
	if s.door != nil {
		r.Serves, r.TLS = s.door.addr, s.door.secured()
	}
	s.roster.Own(r, s.conf.Name)
}
