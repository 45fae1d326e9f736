package stream

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Joined is what a city gets for a join code: POST /v1/join with {"code", "credential"}.
type Joined struct {
	City       string        `json:"city"`
	Credential string        `json:"credential"`
	Node       string        `json:"node"` // the capitol's id
	Trees      []GrantedTree `json:"trees"`
	Plan       bool          `json:"plan,omitempty"` // there is one for it here, or nothing else
}

// GrantedTree is a tree of this server that a city may have. Names are bytes, in base64.
type GrantedTree struct {
	Name    []byte   `json:"name"`
	SubDirs [][]byte `json:"sub_dirs,omitempty"` // none: all of it
}

// Plan answers for a registry.
type Plan interface {
	http.Handler
	Tells(city string) bool // it has something for this city
}

// maxJoin bounds what a stranger may say.
const maxJoin = 4 << 10

// enrol is POST /v1/join, the only page that wants no credential: the code is one.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	if s.guard.gate == nil || len(r.Header.Values("Origin")) > 0 {
		refuse(w, http.StatusNotFound, "nobody can join here", "hydrasync invite on the capitol makes codes")
		return
	}
	var ask struct{ Code, Credential string }
	if err := json.NewDecoder(io.LimitReader(r.Body, maxJoin)).Decode(&ask); err != nil {
		refuse(w, http.StatusBadRequest, "this is no join code", `POST {"code": "…"}`)
		return
	}
	joined, err := s.guard.gate.Join(r.Context(), ask.Code, ask.Credential)
	if err != nil {
		s.meter.refused.Add(1)
		no := s.guard.deny(r, err)
		if no.status == http.StatusUnauthorized {
			// The log says which; to a stranger all are one.
			no.status, no.text, no.hint = http.StatusForbidden, "the join code is not good here: it was used or withdrawn, it has expired, or it is of another capitol",
				"ask for a new one: hydrasync invite (or hydrasync city rotate) on the capitol, whose log has the reason"
		}
		no.answer(w)
		return
	}
	s.cfg.Log.Info().Str("city", Display(joined.City)).Stringer("remote", s.guard.caller(r)).Msg("city has a credential now")
	p, err := s.guard.gate.Admit(r.Context(), joined.Credential)
	var unfit *UnfitError
	if err != nil && !errors.As(err, &unfit) {
		s.cfg.Log.Error().Err(err).Msg("cannot say who may come")
	}
	if err == nil {
		joined.Trees = s.granted(p)
		joined.Plan = s.cfg.Plan != nil && (len(s.Names()) == 0 || s.cfg.Plan.Tells(joined.City))
	}
	reply(w, http.StatusOK, joined)
}

// granted lists what a pass reaches here.
func (s *Server) granted(p *Pass) []GrantedTree {
	trees := []GrantedTree{}
	for _, name := range s.Names() {
		r, ok := p.of(name)
		if !ok {
			continue
		}
		g := GrantedTree{Name: []byte(name)}
		if !r.whole {
			for _, dir := range r.dirs {
				g.SubDirs = append(g.SubDirs, []byte(dir))
			}
		}
		trees = append(trees, g)
	}
	return trees
}
