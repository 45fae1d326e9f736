package roster

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/hydrasync/hydrasync/stream"
)

// How much is known at most: of replicas beneath one city, and of all.
const (
	maxBeneath = 1000
	maxRows    = 10_000
)

// connected is the state of who has not reported yet, or never does.
const connected = "connected"

// Teller is a connection over which somebody tells.
type Teller struct {
	roster *Roster
	name   string // what he has proved; never ""
	who    stream.Report
	about

	// guarded by the roster's mutex:
	told map[string]bool // ids whose rows are his
	full time.Time       // until then there is no room
}

// Come notes that somebody is here. With an ID in who, that is his own replica, of place and tree.
func (r *Roster) Come(name string, who stream.Report, place, tree string) *Teller {
	t := &Teller{roster: r, name: name, who: who, about: about{Place: place, Tree: tree, Through: who.ID}, told: make(map[string]bool)}
	if who.ID == "" {
		return t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	who.Parent, who.State, who.Since = place, connected, r.now()
	if old := r.rows[key{name, who.ID}]; old != nil { // until it says something else
		who.Role, who.Serves, who.From, who.Tree, who.Situation, who.Verified = old.Role, old.Serves, old.From, old.Who.Tree, old.Situation, old.Verified
	}
	t.putLocked(who, true, true)
	return t
}

// Told takes a report: of the teller's own replica if it has no name, or that ID; else of one
// beneath it.
func (t *Teller) Told(rep stream.Report) {
	r := t.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	first := rep.Name == "" || rep.ID == t.who.ID
	if rep.Name == "" {
		rep.Name, rep.Address = t.who.Name, t.who.Address
	}
	old := r.rows[key{t.name, rep.ID}]
	switch {
	case rep.ID == "":
		return
	case !first && old != nil && old.by != nil && old.by != t && (old.First || rep.Lost != stream.Here):
		return // somebody else of that name is nearer to it
	}
	if first && rep.Lost != stream.Here { // it is no more
		if old != nil {
			r.setLocked(key{t.name, rep.ID}, nil)
			r.unkept[key{t.name, rep.ID}] = true
		}
		return
	}
	t.putLocked(rep, first, old == nil || old.Lost != rep.Lost || old.by != t)
}

func (t *Teller) putLocked(rep stream.Report, first, soon bool) {
	r, k := t.roster, key{t.name, rep.ID}
	if r.rows[k] == nil && !r.roomLocked(t, first) {
		return
	}
	one := &row{Report: rep, about: t.about, by: t}
	if one.First = first; first {
		one.Through = ""
	}
	r.setLocked(k, one)
	t.told[rep.ID] = true
	r.changedLocked(k, soon)
}

// fullTime is for how long somebody who told too much is not heard of more: looking for room takes time.
const fullTime = time.Second

// roomLocked makes room for one more row, if it can.
func (r *Roster) roomLocked(t *Teller, first bool) bool {
	if r.now().Before(t.full) {
		return false
	}
	ok := first || r.beneath[t.name] < maxBeneath || r.forgetLocked(func(k key, one *row) bool { return k.teller == t.name && !one.First })
	ok = ok && (len(r.rows) < maxRows || r.forgetLocked(func(key, *row) bool { return true }))
	if !ok {
		t.full = r.now().Add(fullTime)
	}
	return ok
}

// forgetLocked forgets, of a kind, the one that has been lost for longest, if there is one.
func (r *Roster) forgetLocked(kind func(key, *row) bool) bool {
	var oldest *row
	var at key
	for k, one := range r.rows {
		if one.Lost != stream.Here && !one.own && kind(k, one) && (oldest == nil || one.LostSince.Before(oldest.LostSince)) {
			at, oldest = k, one
		}
	}
	if oldest == nil {
		return false
	}
	if oldest.by != nil {
		delete(oldest.by.told, at.id)
	}
	r.setLocked(at, nil)
	r.unkept[at] = true
	return true
}

// setLocked puts a row in place of another; nil removes it.
func (r *Roster) setLocked(k key, one *row) {
	if old := r.rows[k]; old != nil && !old.First {
		if r.beneath[k.teller]--; r.beneath[k.teller] == 0 {
			delete(r.beneath, k.teller)
		}
	}
	if one == nil {
		delete(r.rows, k)
		return
	}
	r.rows[k] = one
	if !one.First {
		r.beneath[k.teller]++
	}
}

// Leave notes that he is gone.
func (t *Teller) Leave() {
	r := t.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range t.told {
		k := key{t.name, id}
		one := r.rows[k]
		if one == nil || one.by != t {
			continue // he has come again meanwhile
		}
		one.by = nil
		one.loseLocked(r)
		r.changedLocked(k, true)
	}
}

// loseLocked notes that what is known is not of now any more.
func (o *row) loseLocked(r *Roster) {
	if o.Lost != stream.Here {
		return
	}
	if o.Lost, o.LostSince = stream.Uncertain, r.now(); o.First {
		o.Lost = stream.Unreachable
	}
	if o.Level.IsZero() {
		o.Level = o.LostSince
	}
}

var _ stream.Visitors = (*Roster)(nil)

// Came implements [stream.Visitors]. Who is of today and has no replica only looks.
func (r *Roster) Came(v *stream.Visit) {
	if v.Replica == "" && v.Program != "" {
		return
	}
	name := v.City
	if !v.Joined {
		name = "@" + v.Remote // no city's name
	}
	who := stream.Report{ID: v.Replica, Who: stream.Who{Name: v.City, Role: stream.RoleCity, Address: v.Remote, Version: v.Program, TLS: v.TLS}}
	if who.ID == "" {
		sum := sha256.Sum256([]byte(v.Tree + "\x00" + v.City))
		who.ID = hex.EncodeToString(sum[:16])
	}
	t := r.Come(name, who, v.Place, v.Tree)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.here[v] = t
}

// Reported implements [stream.Visitors].
func (r *Roster) Reported(v *stream.Visit, rep stream.Report) {
	if t := r.teller(v); t != nil {
		t.Told(rep)
	}
}

// Left implements [stream.Visitors].
func (r *Roster) Left(v *stream.Visit, _ error, _ stream.Fault) {
	if t := r.teller(v); t != nil {
		t.Leave()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.here, v)
}

// Refused implements [stream.Visitors].
func (r *Roster) Refused(stream.Refusal) {}

func (r *Roster) teller(v *stream.Visit) *Teller {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.here[v]
}
