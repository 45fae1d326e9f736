package stream

import (
	"context"
	"encoding/json"
	"net/http"
)

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away needs no answer
}

// refusal is what every error looks like.
type refusal struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func refuse(w http.ResponseWriter, status int, text, hint string) {
	reply(w, status, refusal{Error: text, Hint: hint})
}

// healthz says that the process answers; it tells strangers nothing else.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// treeLine is one line of GET /v1/trees.
type treeLine struct {
	Name    string   `json:"name"`
	Epoch   string   `json:"epoch"`
	Seq     uint64   `json:"seq"`
	Floor   uint64   `json:"floor"`
	Digest  string   `json:"digest"`
	Paths   int64    `json:"paths"`
	Bytes   int64    `json:"bytes"`
	SubDirs []string `json:"sub_dirs,omitempty"` // that are here and the caller may have, if not all: the digest and the totals are of them
	Ready   bool     `json:"ready"`              // false: the first walk goes on, and all of this is of a part
}

func (s *Server) listTrees(w http.ResponseWriter, r *http.Request) {
	names := s.Names()
	lines := make([]treeLine, 0, len(names))
	for _, name := range names {
		may, ok := passOf(r.Context()).of(name)
		if !ok {
			continue
		}
		t, done, ok := s.use(name)
		if !ok {
			continue
		}
		line, err := t.line(r.Context(), may)
		done()
		if err != nil {
			s.cfg.Log.Error().Err(err).Str("tree", Display(name)).Msg("cannot read the journal")
			refuse(w, http.StatusInternalServerError, "cannot read the journal of "+Display(name), "see the capitol's log")
			return
		}
		lines = append(lines, line)
	}
	reply(w, http.StatusOK, lines)
}

// line adds up what is within reach.
func (t *tree) line(ctx context.Context, may reach) (treeLine, error) {
	st, err := t.Journal.Stats(ctx)
	if err != nil {
		return treeLine{}, err
	}
	l := treeLine{Name: Display(t.Name), Epoch: st.Position.Epoch.String(), Seq: uint64(st.Position.Seq), Floor: uint64(st.Floor),
		Digest: st.Position.Digest.String(), Paths: st.Nodes, Bytes: st.Bytes, Ready: t.certain()}
	if may.whole {
		for _, dir := range t.SubDirs {
			l.SubDirs = append(l.SubDirs, Display(dir))
		}
		return l, nil
	}
	sum, _, err := t.Journal.ScopeSum(ctx, may.dirs)
	l.Digest, l.Paths, l.Bytes = sum.Digest.String(), sum.Nodes, sum.Bytes
	for _, dir := range may.dirs {
		l.SubDirs = append(l.SubDirs, Display(dir))
	}
	return l, err
}
