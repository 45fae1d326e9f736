package roster

import (
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/hydrasync/hydrasync/stream"
)

// Line is a report as JSON: for a registry, for the ledger, and for programs.
type Line struct {
	ID      string `json:"id"`
	Parent  string `json:"parent,omitempty"`
	Name    string `json:"name,omitempty"`
	Role    string `json:"role"`
	Address string `json:"address,omitempty"`
	Serves  string `json:"serves,omitempty"`
	Version string `json:"version,omitempty"`
	TLS     bool   `json:"tls"`
	From    string `json:"from,omitempty"`
	Tree    string `json:"tree,omitempty"` // as it is called there
	LineState
	Verified  *LineVerified `json:"verified,omitempty"`
	Lost      string        `json:"lost,omitempty"` // unreachable, uncertain
	LostSince *time.Time    `json:"lost_since,omitempty"`
}

// LineState is a [stream.Situation].
type LineState struct {
	State   string     `json:"state"`
	Why     string     `json:"why,omitempty"`
	Percent uint8      `json:"percent,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Epoch   string     `json:"epoch,omitempty"`
	Seq     uint64     `json:"seq"`
	Behind  uint64     `json:"behind"`
	Level   *time.Time `json:"level,omitempty"`
}

// LineVerified is a [stream.Verified].
type LineVerified struct {
	At       time.Time `json:"at"`
	Missing  uint64    `json:"missing"`
	Differs  uint64    `json:"differs"`
	Repaired uint64    `json:"repaired"`
}

// LineOf writes a report down.
func LineOf(r *stream.Report) Line {
	l := Line{ID: r.ID, Parent: r.Parent, Name: r.Name, Role: r.Role.String(), Address: r.Address, Serves: r.Serves, Version: r.Version, TLS: r.TLS, From: r.From, Tree: r.Tree,
		LineState: LineState{State: r.State, Why: r.Why, Percent: r.Percent, Since: when(r.Since), Seq: uint64(r.Position.Seq), Behind: r.Behind, Level: when(r.Level)},
		Lost:      r.Lost.String(), LostSince: when(r.LostSince)}
	if !r.Position.Epoch.IsZero() {
		l.Epoch = r.Position.Epoch.String()
	}
	if v := r.Verified; !v.At.IsZero() {
		l.Verified = &LineVerified{v.At.UTC(), v.Missing, v.Differs, v.Repaired}
	}
	return l
}

// Report reads what [LineOf] wrote. The writer's clock may be another: what was, was so much later here.
func (l *Line) Report(later time.Duration) (r stream.Report, err error) {
	then := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return t.Add(later)
	}
	r = stream.Report{ID: l.ID, Parent: l.Parent, Lost: wordOf[stream.Lost](l.Lost, stream.Uncertain), LostSince: then(l.LostSince),
		Who:       stream.Who{Name: l.Name, Role: wordOf[stream.Role](l.Role, stream.RoleCapitol), Address: l.Address, Serves: l.Serves, Version: l.Version, TLS: l.TLS, From: l.From, Tree: l.Tree},
		Situation: stream.Situation{State: l.State, Why: l.Why, Percent: l.Percent, Since: then(l.Since), Behind: l.Behind, Level: then(l.Level)}}
	if v := l.Verified; v != nil {
		r.Verified = stream.Verified{At: then(&v.At), Missing: v.Missing, Differs: v.Differs, Repaired: v.Repaired}
	}
	if l.Epoch != "" {
		if r.Position.Epoch, err = journal.ParseEpoch(l.Epoch); err != nil {
			return r, err
		}
	}
	r.Position.Seq = journal.Seq(l.Seq)
	return r, r.Check()
}

// wordOf finds what is called so; 0 if nothing is.
func wordOf[T interface {
	~uint8
	String() string
}](text string, last T) (found T) {
	for v := last; v > 0; v-- {
		if v.String() == text {
			return v
		}
	}
	return 0
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
