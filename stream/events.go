package stream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// eventsChunk entries are read, written and flushed together.
const eventsChunk = 500

// events is GET /v1/trees/NAME/events?since=N&follow=1: the log for people, one
// JSON object a line. Without since it begins with the oldest entry that is
// kept; since=now begins with the next.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	t, may, ok := s.named(w, r)
	if !ok {
		return
	}
	since, err := t.since(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "since "+Display(clip(r.URL.Query().Get("since"), 64))+" is not a number", "since=N, since=now, or nothing")
		return
	}
	entries, err := t.Journal.Entries(r.Context(), since, eventsChunk)
	var compacted *journal.CompactedError
	switch {
	case errors.As(err, &compacted):
		reply(w, http.StatusGone, compactedAnswer{refusal{"entries after " + fmt.Sprint(uint64(since)) + " are not kept any more",
			fmt.Sprintf("begin with since=%d", uint64(compacted.Floor))}, uint64(compacted.Floor)})
		return
	case err != nil:
		s.cfg.Log.Error().Err(err).Str("tree", Display(t.Name)).Msg("cannot read the journal")
		refuse(w, http.StatusInternalServerError, "cannot read the journal", "see the capitol's log")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold lines back
	out := &progressWriter{ResponseWriter: w, control: http.NewResponseController(w), ctx: r.Context()}
	err = t.narrate(r.Context(), out, may, since, entries, r.URL.Query().Get("follow") == "1")
	if err != nil && r.Context().Err() == nil {
		s.cfg.Log.Debug().Err(err).Str("tree", Display(t.Name)).Msg("events ended")
	}
}

type compactedAnswer struct {
	refusal
	Floor uint64 `json:"floor"`
}

func (t *tree) since(r *http.Request) (journal.Seq, error) {
	switch text := r.URL.Query().Get("since"); text {
	case "":
		st, err := t.Journal.Stats(r.Context())
		return st.Floor, err
	case "now":
		return t.Journal.Position().Seq, nil
	default:
		return journal.ParseSeq(text)
	}
}

// narrate writes entries, and what follows them.
func (t *tree) narrate(ctx context.Context, w *progressWriter, may reach, since journal.Seq, entries []journal.Entry, follow bool) (err error) {
	epoch := t.Journal.Position().Epoch.String()
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for {
		for i := range entries {
			since = entries[i].Seq
			if !may.sees(entries[i].Path) {
				continue
			}
			if err := lines.Encode(tell(&entries[i], epoch)); err != nil {
				return err
			}
		}
		if err := w.control.Flush(); err != nil {
			return err
		}
		if len(entries) == 0 && !follow {
			return nil
		}
		if follow {
			if err := t.Journal.Wait(ctx, since); err != nil {
				return err
			}
		}
		if entries, err = t.Journal.Entries(ctx, since, eventsChunk); err != nil {
			return err
		}
	}
}

// Event is one line of the events, as people and their scripts see an entry.
// Names are escaped by [Display]; where that changed something, the Raw twin
// has the bytes in base64.
type Event struct {
	Epoch   string     `json:"epoch"`
	Seq     uint64     `json:"seq"`
	Time    *time.Time `json:"time,omitempty"`
	What    string     `json:"what"` // file, dir, symlink, gone, or a note's kind
	Path    string     `json:"path"`
	PathRaw string     `json:"path_raw,omitempty"`
	Node    int64      `json:"node,omitempty"`
	Parent  int64      `json:"parent,omitempty"`
	*EventState
	Text string `json:"text,omitempty"` // notes only
}

// EventState is the part of an Event that only living nodes have.
type EventState struct {
	Mode       string    `json:"mode"` // octal
	UID        uint32    `json:"uid"`
	GID        uint32    `json:"gid"`
	MTime      time.Time `json:"mtime,omitzero"`
	Generation uint64    `json:"generation,omitempty"`
	Size       *int64    `json:"size,omitempty"`   // files only
	Digest     string    `json:"digest,omitempty"` // files only
	Target     string    `json:"target,omitempty"` // symlinks only
	TargetRaw  string    `json:"target_raw,omitempty"`
	Xattrs     int       `json:"xattrs,omitempty"` // how many
}

// tell turns an entry into its line.
func tell(e *journal.Entry, epoch string) Event {
	v := Event{Epoch: epoch, Seq: uint64(e.Seq), Path: Display(e.Path), PathRaw: raw(e.Path)}
	if !e.Time.IsZero() {
		at := e.Time.UTC()
		v.Time = &at
	}
	n := &e.Change.Node
	switch {
	case e.Note != nil:
		v.What, v.Text = e.Note.Kind.String(), Display(e.Note.Text)
		return v
	case e.Change.Gone:
		v.What, v.Node = "gone", int64(n.ID)
		return v
	}
	v.What, v.Node, v.Parent = n.Kind.String(), int64(n.ID), int64(n.Parent)
	st := &EventState{Mode: fmt.Sprintf("%04o", n.Mode), UID: n.UID, GID: n.GID, MTime: n.MTime.Std(), Generation: n.Body.Generation,
		Target: Display(n.Target), TargetRaw: raw(n.Target), Xattrs: len(n.Xattrs)}
	if n.MTime.IsZero() {
		st.MTime = time.Time{}
	}
	if n.Kind == journal.File {
		st.Size, st.Digest = &n.Body.Size, n.Body.Digest.String()
	}
	v.EventState = st
	return v
}

func raw(s string) string {
	if clean(s) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}
