package stream

import (
	"errors"
	"net/http"

	"github.com/hydrasync/hydrasync/journal"
)

// digestAnswer is what a city with those sub_dirs holds once it is in step at that entry.
type digestAnswer struct {
	Epoch   string   `json:"epoch"`
	Seq     uint64   `json:"seq"`
	Digest  string   `json:"digest"`            // as in a beat: of the root, the sub_dirs and the directories on the way
	Missing []string `json:"missing,omitempty"` // sub_dirs that the tree does not have, escaped
}

// digest is GET /v1/trees/NAME/digest?sub_dir=D&sub_dir=…; without sub_dirs it is the whole tree's.
func (s *Server) digest(w http.ResponseWriter, r *http.Request) {
	t, may, ok := s.named(w, r)
	if !ok {
		return
	}
	dirs := r.URL.Query()["sub_dir"]
	if len(dirs) > MaxSubDirs || checkSubDirs(dirs) != nil {
		refuse(w, http.StatusBadRequest, "these are no sub_dirs of a tree", "sub_dir=docs/en, relative and without \"..\"; repeat it for more")
		return
	}
	if !may.covers(dirs) {
		refuse(w, http.StatusForbidden, "not granted: "+asked(dirs)+" of "+Display(t.Name)+"; granted: "+may.String(), "ask for what is granted: sub_dir=…")
		return
	}
	if !t.has(dirs) {
		refuse(w, http.StatusNotFound, "this relay has only a part of tree "+Display(t.Name)+": "+t.portion(), "ask for that: sub_dir=…")
		return
	}
	a, err := t.digest(r, dirs)
	if err != nil {
		s.cfg.Log.Error().Err(err).Str("tree", Display(t.Name)).Msg("cannot read the journal")
		refuse(w, http.StatusInternalServerError, "cannot read the journal of "+Display(t.Name), "see the capitol's log")
		return
	}
	reply(w, http.StatusOK, a)
}

func (t *tree) digest(r *http.Request, dirs []string) (digestAnswer, error) {
	sum, pos, err := t.Journal.ScopeDigest(r.Context(), dirs)
	if err != nil {
		return digestAnswer{}, err
	}
	a := digestAnswer{Epoch: pos.Epoch.String(), Seq: uint64(pos.Seq), Digest: sum.String()}
	for _, dir := range dirs {
		switch _, err := t.Journal.Resolve(r.Context(), dir); {
		case errors.Is(err, journal.ErrNotFound):
			a.Missing = append(a.Missing, Display(dir))
		case err != nil:
			return digestAnswer{}, err
		}
	}
	return a, nil
}
