package main

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"time"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
	"github.com/hydrasync/hydrasync/watcher"
)

// report is what status says of one tree, on one machine. Names in it are as
// they are; whoever prints them escapes them.
type report struct {
	Role  string `json:"role"` // capitol, city or relay
	Tree  string `json:"tree"`
	Dir   string `json:"dir"`
	PID   int    `json:"pid,omitempty"` // 0: not running
	State string `json:"state"`
	Why   string `json:"why,omitempty"`

	Warnings []string `json:"warnings,omitempty"` // what is not protected
	Limit    string   `json:"limit,omitempty"`    // of what all cities of a capitol get together, now

	Epoch  string `json:"epoch"`
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"`
	Paths  int64  `json:"paths"`
	Bytes  int64  `json:"bytes"`

	Watch   *watcher.Status `json:"watch,omitempty"`   // a running capitol's
	Cities  []cityLine      `json:"cities,omitempty"`  // that are connected to it
	Highway *highwayReport  `json:"highway,omitempty"` // a city's
}

// cityLine is a connected city, seen from its capitol.
type cityLine struct {
	Name   string    `json:"name"`
	Remote string    `json:"remote"`
	Since  time.Time `json:"since"`
	Mode   string    `json:"mode"`
	Acked  uint64    `json:"acked"` // the entry up to which all is on its disk
	Behind uint64    `json:"behind"`
	InLine bool      `json:"in_line"` // others are brought up to date before it
}

// highwayReport is a running city's end of a highway.
type highwayReport struct {
	From          string         `json:"from"` // of several sources the one that is followed or tried
	Link          string         `json:"link"` // connected, connecting, waiting
	LinkSince     time.Time      `json:"link_since"`
	LinkError     string         `json:"link_error,omitempty"`
	Lineage       []string       `json:"lineage,omitempty"` // the way of the tree, from the capitol to the source
	Loop          string         `json:"loop,omitempty"`    // a circle of relays that this city is a part of
	Mode          string         `json:"mode,omitempty"`
	Reason        string         `json:"reason,omitempty"`
	Head          uint64         `json:"head"` // the capitol's newest entry that is known here
	Behind        uint64         `json:"behind"`
	BehindSeconds float64        `json:"behind_seconds"` // since both ends were last equal; 0 if no entry is lacking
	InStep        bool           `json:"in_step"`
	Proven        *time.Time     `json:"proven,omitempty"` // when both digests were last compared
	Limit         string         `json:"limit,omitempty"`  // of bandwidth, now
	Bounds        string         `json:"bounds,omitempty"` // of what the replica may take of its disk
	Opens         *time.Time     `json:"opens,omitempty"`  // outside of its hours: when they begin
	Disk          applier.Status `json:"disk"`
}

// diskOK is the applier's word for a destination that takes what comes.
const diskOK = "ok"

// diskError is the state of a capitol or a city whose own disk, or machine, refuses
// something; why says what.
const diskError = "disk error"

// warnings say loudly what is not protected.
func (h *highwayConf) warnings() (said []string) {
	for _, from := range h.Sources {
		if u, err := url.Parse(from); err == nil && stream.CheckTarget(u, false, false) != nil {
			said = append(said, "the link to "+from+" is PLAIN: everybody on the way can read and change what it brings")
		}
	}
	return said
}

// fill adds what every journal knows.
func (r *report) fill(ctx context.Context, j *journal.Journal) error {
	st, err := j.Stats(ctx)
	if err != nil {
		return err
	}
	r.Epoch, r.Seq, r.Digest = st.Position.Epoch.String(), uint64(st.Position.Seq), st.Position.Digest.String()
	r.Paths, r.Bytes = st.Nodes, st.Bytes
	return nil
}

// report is what the admin socket of a capitol's tree answers.
func (s *source) report(ctx context.Context) (report, error) {
	st := s.watch.Status()
	r := report{Role: "capitol", Tree: s.conf.Name, Dir: s.conf.Dir, PID: os.Getpid(), State: string(st.State), Why: st.Why, Watch: &st}
	for _, c := range s.server.Cities() {
		if c.Tree == stream.Display(s.conf.Name) {
			r.Cities = append(r.Cities, cityLine{c.Name, c.Remote, c.Since, c.Mode.String(), uint64(c.Acked.Seq), c.Behind, c.InLine})
		}
	}
	if s.door != nil {
		r.Warnings, r.Limit = s.door.warnings(), s.door.conf.Limit.text(time.Now())
	}
	r.blame(r.fill(ctx, s.journal))
	return r, nil
}

// blame says that the disk does not even let the state be read: that is what is to
// be known now.
func (r *report) blame(err error) {
	if err != nil {
		r.State, r.Why = diskError, err.Error()
	}
}

// report is what the admin socket of a city answers.
func (c *city) report(ctx context.Context) (report, error) {
	now, _ := c.sight.look()
	disk, unread := c.disk.Status(ctx)
	r := report{Role: "city", Tree: c.conf.From, Dir: c.conf.To, PID: os.Getpid()}
	if c.conf.ServeAs != "" {
		r.Role = "relay"
	}
	h := &highwayReport{From: cmp.Or(now.Link.From, c.conf.From), Link: now.Link.Phase.String(), LinkSince: now.Link.Since, Head: uint64(now.Head.Seq),
		Behind: now.behind(), InStep: c.inStep(&now), Limit: c.conf.Limit.text(time.Now()), Disk: disk}
	for _, a := range now.Link.Welcome.Lineage {
		h.Lineage = append(h.Lineage, a.Name)
	}
	h.Loop = c.loop(&now)
	if now.Mode != 0 {
		h.Mode, h.Reason = now.Mode.String(), now.Reason
	}
	if now.Link.Err != nil {
		h.LinkError = now.Link.Err.Error()
	}
	if rest := now.resting(); rest != nil {
		h.Opens = &rest.until
	}
	if !now.At.IsZero() {
		h.Proven = &now.At
	}
	if h.Behind > 0 && h.Proven != nil {
		h.BehindSeconds = time.Since(now.At).Seconds()
	}
	r.Highway = h
	r.Warnings = c.conf.warnings()
	r.State, r.Why = c.state(&now, &disk)
	r.blame(r.fill(ctx, c.disk.Journal()))
	r.blame(unread)
	h.Bounds = c.conf.boundsConf.text(r.Paths, r.Bytes)
	return r, nil
}

// state is one word for where a city is, and why it is not in step.
func (c *city) state(now *situation, disk *applier.Status) (state, why string) {
	switch {
	case disk.State != diskOK:
		return disk.State, c.why(disk)
	case now.resting() != nil:
		return "resting", now.Link.Err.Error()
	case now.Link.Phase != stream.Connected && now.Link.Fault == stream.FaultLocal:
		return diskError, now.Link.Err.Error()
	case now.Link.Phase != stream.Connected && now.Link.Err != nil:
		return "disconnected", now.Link.Err.Error()
	case now.Link.Phase != stream.Connected:
		return "connecting", ""
	case c.loop(now) != "":
		return "in a loop", c.loop(now) + ": what is new at the capitol does not come here"
	case now.Link.InLine:
		return "waiting its turn", "the capitol brings others up to date first: max_cities_transferring"
	case c.inStep(now) && disk.FailedAll > 0:
		return "in step but for some paths", disk.Failed[0].Why
	case c.inStep(now):
		return "in step", ""
	case now.behind() == 0 && now.At.After(now.Began) && (c.walked == nil || c.walked.Load() != nil):
		return "comparing", "" // all is on disk; the proof follows within a moment
	}
	return "catching up", now.Reason
}

// why explains a destination that takes nothing.
func (c *city) why(disk *applier.Status) string {
	if disk.Hold != nil {
		err := &applier.HoldError{Root: c.conf.To, Hold: *disk.Hold}
		return err.Error() + "; " + err.Hint()
	}
	if disk.Why != "" {
		return disk.Why
	}
	now, _ := c.sight.look()
	if now.Link.Err == nil {
		return ""
	}
	if hint := hintOf(now.Link.Err); hint != "" {
		return now.Link.Err.Error() + "; " + hint
	}
	return now.Link.Err.Error()
}
