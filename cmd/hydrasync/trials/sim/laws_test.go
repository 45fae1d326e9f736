package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hydrasync/hydrasync/applier"
	"github.com/hydrasync/hydrasync/applier/beneath/memory"
	"github.com/hydrasync/hydrasync/journal"
	"golang.org/x/sys/unix"
)

// seen judges what a reader may meet at a city: no torn file.
func (w *world) seen(c *city, path string, content []byte) {
	s := w.source
	if s == nil {
		return
	}
	if text := string(content); w.strange(text) || s.had(text) {
		return
	}
	w.broken("torn file at %s: %q has %d bytes, %.40q", c.name, path, len(content), content)
}

func (w *world) strange(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.strangers[text]
}

// had says whether a content was a version, or a part of one that grew from another.
func (s *source) had(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ever[text] {
		return true
	}
	for whole := range s.ever {
		if !strings.HasPrefix(whole, text) {
			continue
		}
		for older := range s.ever {
			if len(older) < len(text) && strings.HasPrefix(text, older) && strings.HasPrefix(strings.TrimPrefix(whole, older), " line ") {
				return true
			}
		}
	}
	return false
}

// unlike compares a city's tree with what the source was.
func (w *world) unlike(c *city, want map[journal.NodeID]state) error {
	have := c.disk.Tree()
	kept := map[string]bool{} // strangers' files, and the directories that they keep
	for path, n := range have {
		for at := path; w.strange(n.Content); at = at[:max(strings.LastIndexByte(at, '/'), 0)] {
			if kept[at] = true; at == "" {
				break
			}
		}
	}
	s := w.source
	for id, st := range want {
		path := s.where(want, id)
		got, ok := have[path]
		if !ok {
			return fmt.Errorf("%q is missing", path)
		}
		if why := differs(got, st); why != "" {
			return fmt.Errorf("%q: %s", path, why)
		}
		delete(have, path)
	}
	for path, n := range have {
		if !kept[path] {
			return fmt.Errorf("%q is not wanted: %o %.40q", path, n.Type, n.Content)
		}
	}
	return nil
}

func differs(got memory.Node, want state) string {
	n := want.node
	switch {
	case n.Kind == journal.File && (got.Type != unix.S_IFREG || got.Content != want.body):
		return fmt.Sprintf("%o %.40q of %d bytes, want %.40q of %d", got.Type, got.Content, len(got.Content), want.body, len(want.body))
	case n.Kind == journal.Dir && got.Type != unix.S_IFDIR, n.Kind == journal.Symlink && got.Content != n.Target:
		return fmt.Sprintf("%o %q", got.Type, got.Content)
	case n.Kind != journal.Symlink && got.Mode != n.Mode:
		return fmt.Sprintf("mode %o, want %o", got.Mode, n.Mode)
	case n.Kind != journal.Dir && (got.MSec != n.MTime.Sec || got.MNsec != n.MTime.Nsec):
		return fmt.Sprintf("time %d, want %d", got.MSec, n.MTime.Sec)
	}
	return ""
}

// provenAt: who says "in step" has the tree of that position. A leaf agrees with its
// relay, whose rows may be ahead of its position after a set that broke off.
func (w *world) provenAt(c *city, at journal.Position) {
	s := w.source
	if !c.direct() {
		return
	}
	s.mu.Lock()
	want, ok := s.past[at]
	s.mu.Unlock()
	if !ok {
		w.broken("%s is in step at %v, which never was", c.name, at)
		return
	}
	if err := w.unlike(c, want); err != nil {
		w.broken("%s says that it is in step at %d: %v; it has %s", c.name, at.Seq, err, c.tree())
	}
}

// claims are the rows of a city's journal that say what its disk has for good.
func (c *city) claims(a *applier.Applier) map[journal.NodeID]state {
	if a == nil {
		return nil
	}
	pos := a.Journal().Position()
	s := c.w.source
	s.mu.Lock()
	was := s.past[pos]
	s.mu.Unlock()
	sure := map[journal.NodeID]state{}
	for id, st := range was {
		r, err := a.Journal().Node(context.Background(), id)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			c.w.broken("read journal of %s: %v", c.name, err)
		}
		if err == nil && !r.Gone && r.Node.Equal(st.node) && s.same(was, id) {
			sure[id] = st
		}
	}
	for id := range sure {
		for up := id; up != journal.Root; up = was[up].node.Parent {
			if _, ok := sure[up]; !ok {
				delete(sure, id)
				break
			}
		}
	}
	return sure
}

// same says whether a node, and all above it, is now as it was.
func (s *source) same(was map[journal.NodeID]state, id journal.NodeID) bool {
	for ; id != 0; id = was[id].node.Parent {
		if now, ok := s.nodes[id]; !ok || now.at != was[id].at {
			return false
		}
	}
	return true
}

// confirmed: what the journal says is on the disk, before anybody has mended anything.
func (w *world) confirmed(c *city, claims map[journal.NodeID]state) {
	have := c.disk.Tree()
	for path, n := range have {
		if n.Type == unix.S_IFREG {
			w.seen(c, path, []byte(n.Content))
		}
	}
	for id, st := range claims {
		path := w.source.where(w.source.nodes, id)
		got, ok := have[path]
		if !ok {
			w.broken("%s has lost what was confirmed: %q", c.name, path)
		} else if why := differs(got, st); why != "" {
			w.broken("%s has lost what was confirmed: %q: %s", c.name, path, why)
		}
	}
	w.strangersAreSafe(c)
}

func (w *world) strangersAreSafe(c *city) {
	have := map[string]bool{}
	for _, n := range c.disk.All() {
		have[n.Content] = true
	}
	for text, at := range w.put {
		if at == c && !have[text] {
			w.broken("%s has lost a stranger's file: %q", c.name, text)
		}
	}
}
