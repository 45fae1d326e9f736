package stream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// content is GET /v1/trees/NAME/content?path=… or ?node=…&digest=…, with Range.
// A path is resolved in the journal, never on a disk.
func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	t, may, ok := s.named(w, r)
	if !ok {
		return
	}
	n, err := t.pick(r, may)
	if err == nil {
		err = t.serveContent(w, r, n)
	}
	var bad *badRequest
	switch {
	case err == nil:
	case errors.As(err, &bad):
		refuse(w, http.StatusBadRequest, bad.text, bad.hint)
	case errors.Is(err, journal.ErrNotFound):
		refuse(w, http.StatusNotFound, "no such file", "GET /v1/trees/"+Display(t.Name)+"/events lists names as they change")
	case movedOn(err):
		refuse(w, http.StatusConflict, "the content has moved on", "ask again: a newer entry follows")
	default:
		s.cfg.Log.Warn().Err(err).Str("tree", Display(t.Name)).Msg("cannot read content")
		refuse(w, http.StatusInternalServerError, "cannot read the content", "see the capitol's log")
	}
}

type badRequest struct{ text, hint string }

func (e *badRequest) Error() string { return e.text }

// pick finds the node that a request is about. What is out of reach is not there.
func (t *tree) pick(r *http.Request, may reach) (journal.Node, error) {
	q := r.URL.Query()
	var st journal.Stored
	var err error
	switch {
	case q.Has("path"):
		name := q.Get("path")
		if err := checkPath(name); err != nil {
			return journal.Node{}, err
		}
		if !may.has(name) {
			return journal.Node{}, journal.ErrNotFound
		}
		st, err = t.Journal.Resolve(r.Context(), name)
	case q.Has("node"):
		id, perr := strconv.ParseInt(q.Get("node"), 10, 64)
		digest, derr := journal.ParseDigest(q.Get("digest"))
		if perr != nil || derr != nil || id <= 0 {
			return journal.Node{}, &badRequest{"node or digest is not one", "node=NUMBER&digest=64 hexadecimal digits"}
		}
		if errors.Is(t.within(r.Context(), may, journal.NodeID(id)), ErrMoved) {
			return journal.Node{}, journal.ErrNotFound
		}
		st, err = t.Journal.Node(r.Context(), journal.NodeID(id))
		if err == nil && !st.Gone && st.Node.Body.Digest != digest {
			err = ErrMoved
		}
	default:
		err = &badRequest{"which file?", "?path=RELATIVE/PATH or ?node=NUMBER&digest=DIGEST"}
	}
	switch {
	case err != nil:
		return journal.Node{}, err
	case st.Gone:
		return journal.Node{}, journal.ErrNotFound
	case st.Node.Kind != journal.File:
		return journal.Node{}, &badRequest{"this is a " + st.Node.Kind.String() + ", not a file", ""}
	}
	return st.Node, nil
}

func checkPath(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if !journal.ValidName(part) {
			return &badRequest{"path " + Display(clip(name, MaxText)) + " is not in the tree's own form", "relative, without . or .. or //"}
		}
	}
	return nil
}

func (t *tree) serveContent(w http.ResponseWriter, r *http.Request, n journal.Node) error {
	body, err := t.Source.Open(r.Context(), n)
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream") // never what a browser would run
	h.Set("Content-Disposition", "attachment")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+n.Body.Digest.String()+`"`)
	h.Set("Hydrasync-Node", strconv.FormatInt(int64(n.ID), 10))
	h.Set("Hydrasync-Generation", strconv.FormatUint(n.Body.Generation, 10))
	progress := &progressWriter{ResponseWriter: w, control: http.NewResponseController(w), ctx: r.Context()}
	http.ServeContent(progress, r, path.Base("/"+n.Name), n.MTime.Std(), io.NewSectionReader(body, 0, n.Body.Size))
	return nil
}

// progressWriter gives each write of an answer its own deadline.
type progressWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context
}

// answerTime is what a caller may take for one piece of an answer.
const answerTime = 45 * time.Second

// Write implements [io.Writer].
func (w *progressWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	// A server that cannot set deadlines (a test's recorder) writes without.
	_ = w.control.SetWriteDeadline(time.Now().Add(answerTime))
	if err := w.ctx.Err(); err != nil { // it ended while the deadline was set, and had set its own
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}
