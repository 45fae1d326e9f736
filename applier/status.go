package applier

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Status is what a person or a program wants to know. Paths are bytes.
type Status struct {
	State     string             `json:"state"`         // "ok", "held", "no space", "read-only", "destination lost"
	Why       string             `json:"why,omitempty"` // held by a limit of its own: which, and what to do
	Nodes     int64              `json:"nodes"`
	Bytes     int64              `json:"bytes"`
	Failed    []Trouble          `json:"failed,omitempty"` // tried again by itself
	FailedAll int64              `json:"failed_all"`       // with those that are not listed
	Owed      int64              `json:"owed"`             // waiting for a newer entry of the capitol
	Late      int64              `json:"late"`             // waiting for content that is on its way
	Lacks     map[string]Lacking `json:"lacks,omitempty"`
	Kept      []string           `json:"kept,omitempty"` // removed directories that stay because of foreign names in them
	Trash     int64              `json:"trash_bytes"`
	Hold      *Hold              `json:"hold,omitempty"`
	Verified  *Report            `json:"verified,omitempty"` // the last one
	At        time.Time          `json:"at"`
}

// maxListed bounds the lists in a Status.
const maxListed = 20

// Status may be called at any time. It does not wait for a running set. With an
// error it still tells what needs no disk.
func (a *Applier) Status(ctx context.Context) (Status, error) {
	stats, unread := a.journal.Stats(ctx)
	s := Status{Nodes: stats.Nodes, Bytes: stats.Bytes, Trash: a.trash.bytes(), At: now()}
	a.troubles.tell(&s)
	s.Late = int64(a.hauls.count())
	var err error
	s.Hold, err = ReadHold(a.cfg.Root)
	if s.Hold != nil && !s.Hold.Confirmed {
		s.State = "held"
	}
	a.tellLimits(&s)
	s.Verified = a.verified.Load()
	return s, errors.Join(unread, err)
}

// tellLimits says what quota and floor keep from coming.
func (a *Applier) tellLimits(s *Status) {
	var held interface {
		error
		Hint() string
	}
	var short *StateError
	if refused := a.refused.Load(); refused != nil {
		held = refused
	} else if errors.As(a.Short(), &short) {
		held = short
	}
	if held != nil && s.Hold == nil {
		s.State, s.Why = "held", held.Error()+"; "+held.Hint()
	}
}

// Behind says whether the disk is known to differ from what the capitol said:
// then a tree digest that differs is explained and needs no comparison.
func (a *Applier) Behind() bool {
	a.troubles.mu.Lock()
	defer a.troubles.mu.Unlock()
	return len(a.troubles.paths) > 0 && a.troubles.more == 0
}

func (t *troubles) tell(s *Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.State, s.Why = cmp.Or(t.state, "ok"), t.why
	s.FailedAll = t.more
	for _, p := range t.paths {
		if p.owed {
			s.Owed++
			continue
		}
		s.FailedAll++
		s.Failed = append(s.Failed, p.Trouble)
	}
	slices.SortFunc(s.Failed, func(a, b Trouble) int { return cmp.Compare(a.Path, b.Path) })
	s.Failed = s.Failed[:min(len(s.Failed), maxListed)]
	for path := range t.kept {
		s.Kept = append(s.Kept, path)
	}
	slices.Sort(s.Kept)
	s.Kept = s.Kept[:min(len(s.Kept), maxListed)]
	for l, n := range t.lacks {
		if s.Lacks == nil {
			s.Lacks = make(map[string]Lacking)
		}
		s.Lacks[lackName(l)] = *n
	}
}
