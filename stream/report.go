package stream

import (
	"context"
	"slices"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// Report is what a city says of one replica: of its own, or, as a relay, of one
// that pulls from it, directly or not. Texts and names are as they came.
type Report struct {
	ID     string // of the replica, as in a [Lineage]
	Parent string // of the place that it pulls from; "" if that has none
	Who
	Situation
	Verified  Verified
	Lost      Lost
	LostSince time.Time // zero: it is not
}

// Who is where a replica is found. Of its own, a city's word counts only for Role, Serves and From.
type Who struct {
	Name    string // by which it has joined, else as it calls itself; "" if it is the city that reports
	Role    Role
	Address string // from where it comes
	Serves  string // where it serves on; "" if it does not
	Version string // of the program
	TLS     bool
	From    string // the URL that it follows
	Tree    string // as it is called there; of a capitol, here
}

// Situation is how a replica is.
type Situation struct {
	State    string // in words
	Why      string
	Percent  uint8     // of catching up; 0: not known
	Since    time.Time // of State
	Position journal.Position
	Behind   uint64    // entries that it knows it lacks
	Level    time.Time // when both ends were last equal; zero: they are, or never were
}

// Verified is how the disk was compared with the journal last.
type Verified struct {
	At                         time.Time // zero: never
	Missing, Differs, Repaired uint64
}

// Role is what a place does for a tree.
type Role uint8

// The roles.
const (
	RoleCity Role = iota + 1
	RoleRelay
	RoleCapitol
)

// String is the word that people see.
func (r Role) String() string {
	switch r {
	case RoleCity:
		return "city"
	case RoleRelay:
		return "relay"
	case RoleCapitol:
		return "capitol"
	}
	return "unknown"
}

// Lost says that what is told of a replica is not of now.
type Lost uint8

// Why it is not.
const (
	Here        Lost = iota
	Unreachable      // its connection has ended
	Uncertain        // that of who told of it has
)

// String is the word that people see.
func (l Lost) String() string {
	switch l {
	case Unreachable:
		return "unreachable"
	case Uncertain:
		return "uncertain"
	}
	return ""
}

// featureReport: the city may report.
const featureReport = "report"

// hears says that reports of this city are wanted.
func (p *subscription) hears() bool {
	_, nobody := p.srv.cfg.Visitors.(nobody)
	return !nobody && slices.Contains(p.hello.Features, featureReport)
}

// hearReport believes of a report what the city can know. Nobody who pulls from here is an
// ancestor of here; one may seem to be while relays change places.
func (p *subscription) hearReport(payload []byte) error {
	if !p.reports {
		return broken("a report that was not agreed on")
	}
	r, err := p.srv.codec.decodeReport(payload, time.Now())
	if err != nil {
		return err
	}
	switch own := r.ID == p.hello.Replica; {
	case own != (r.Name == "") || !own && r.ID == "":
		return broken("a report of %s by %s", Display(r.ID), Display(p.hello.Replica))
	case own:
		r.Lost, r.LostSince, r.Parent = Here, time.Time{}, p.visit.Place
		r.Name, r.Address, r.Version, r.TLS = p.visit.City, p.visit.Remote, p.visit.Program, p.visit.TLS
	case p.tree.lineage().Has(r.ID):
		return nil
	}
	p.srv.cfg.Visitors.Reported(&p.visit, r)
	return nil
}

type wireReport struct {
	ID       bstr         `cbor:"1,keyasint"`
	Parent   bstr         `cbor:"2,keyasint,omitempty"`
	Name     bstr         `cbor:"3,keyasint,omitempty"`
	Role     uint8        `cbor:"4,keyasint"`
	Address  bstr         `cbor:"5,keyasint,omitempty"`
	Serves   bstr         `cbor:"6,keyasint,omitempty"`
	Version  bstr         `cbor:"7,keyasint,omitempty"`
	TLS      bool         `cbor:"8,keyasint,omitempty"`
	From     bstr         `cbor:"9,keyasint,omitempty"`
	State    bstr         `cbor:"10,keyasint,omitempty"`
	Why      bstr         `cbor:"11,keyasint,omitempty"`
	Percent  uint8        `cbor:"12,keyasint,omitempty"`
	Since    int64        `cbor:"13,keyasint,omitempty"` // ms ago, as all that follow
	Position wirePosition `cbor:"14,keyasint"`
	Behind   uint64       `cbor:"15,keyasint,omitempty"`
	Level    int64        `cbor:"16,keyasint,omitempty"`
	Verified wireVerified `cbor:"17,keyasint"`
	Lost     uint8        `cbor:"18,keyasint,omitempty"`
	Gone     int64        `cbor:"19,keyasint,omitempty"`
	Tree     bstr         `cbor:"20,keyasint,omitempty"`
}

type wireVerified struct {
	At       int64  `cbor:"1,keyasint,omitempty"` // ms ago
	Missing  uint64 `cbor:"2,keyasint,omitempty"`
	Differs  uint64 `cbor:"3,keyasint,omitempty"`
	Repaired uint64 `cbor:"4,keyasint,omitempty"`
}

// toReport clips what is only for people.
func toReport(r Report, now time.Time) wireReport {
	v := wireVerified{ago(now, r.Verified.At), r.Verified.Missing, r.Verified.Differs, r.Verified.Repaired}
	short := func(s string) bstr { return bstr(clip(s, maxReportWord)) }
	return wireReport{ID: bstr(r.ID), Parent: bstr(r.Parent), Name: bstr(clip(r.Name, MaxCityName)), Role: uint8(r.Role),
		Address: short(r.Address), Serves: short(r.Serves), Version: short(r.Version), TLS: r.TLS, From: bstr(clip(r.From, maxReportText)),
		State: short(r.State), Why: bstr(clip(r.Why, maxReportText)), Percent: r.Percent, Since: ago(now, r.Since),
		Position: toPosition(r.Position), Behind: r.Behind, Level: ago(now, r.Level), Verified: v, Lost: uint8(r.Lost), Gone: ago(now, r.LostSince),
		Tree: bstr(clip(r.Tree, MaxTreeName))}
}

// decodeReport takes one report. The clocks of two machines differ: what travels is how
// long ago something was.
func (c *codec) decodeReport(payload []byte, now time.Time) (Report, error) {
	var w wireReport
	if err := c.decode(payload, &w); err != nil {
		return Report{}, err
	}
	position, err := w.Position.position()
	if err != nil {
		return Report{}, err
	}
	for _, age := range []int64{w.Since, w.Level, w.Verified.At, w.Gone} {
		if age < 0 || age > maxAge.Milliseconds() {
			return Report{}, broken("report of %d ms ago", age)
		}
	}
	r := Report{ID: string(w.ID), Parent: string(w.Parent), Lost: Lost(w.Lost), LostSince: then(now, w.Gone),
		Who: Who{Name: string(w.Name), Role: Role(w.Role), Address: string(w.Address), Serves: string(w.Serves), Version: string(w.Version), TLS: w.TLS, From: string(w.From), Tree: string(w.Tree)},
		Situation: Situation{State: string(w.State), Why: string(w.Why), Percent: w.Percent, Since: then(now, w.Since),
			Position: position, Behind: w.Behind, Level: then(now, w.Level)},
		Verified: Verified{then(now, w.Verified.At), w.Verified.Missing, w.Verified.Differs, w.Verified.Repaired}}
	return r, r.Check()
}

// Check refuses what is too long or out of range, wherever it came from.
func (r *Report) Check() error {
	if len(r.ID) > MaxReplica || len(r.Parent) > MaxReplica || len(r.Name) > MaxCityName || len(r.Tree) > MaxTreeName || len(r.From) > maxReportText || len(r.Why) > maxReportText {
		return broken("report too long")
	}
	for _, text := range []string{r.Address, r.Serves, r.Version, r.State} {
		if len(text) > maxReportWord {
			return broken("report too long")
		}
	}
	if r.Role < RoleCity || r.Role > RoleCapitol || r.Percent > 100 || r.Lost > Uncertain || (r.Lost == Here) != r.LostSince.IsZero() {
		return broken("report")
	}
	return nil
}

// ago is how many ms before now something was, at least one; 0 stands for never.
func ago(now, t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return min(max(now.Sub(t).Milliseconds(), 1), maxAge.Milliseconds())
}

func then(now time.Time, ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return now.Add(-time.Duration(ms) * time.Millisecond)
}

// report says upward what there is to say, as long as the connection lives.
func (s *session) report(life context.Context) {
	if s.client.cfg.Report == nil || !slices.Contains(s.welcome.Features, featureReport) {
		return
	}
	s.client.cfg.Report(life, func(r Report) error { return s.say(kindReport, toReport(r, time.Now())) })
}
