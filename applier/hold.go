package applier

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// Hold is a mass delete that waits for a person: DEST/.hydrasync/hold.json.
type Hold struct {
	Deletions int64     `json:"deletions"` // paths that would go
	Total     int64     `json:"total"`     // paths that there are
	Examples  []string  `json:"examples"`
	Since     time.Time `json:"since"`
	Confirmed bool      `json:"confirmed"`
}

// HoldError says that nothing of a set was applied because it deletes too much.
type HoldError struct {
	Root string
	Hold Hold
}

func (e *HoldError) Error() string {
	return fmt.Sprintf("hold: %d of %d paths would be deleted", e.Hold.Deletions, e.Hold.Total)
}

// Hint says what a person can do.
func (e *HoldError) Hint() string {
	return fmt.Sprintf("if that is right: hydrasync confirm %q", e.Root)
}

const (
	holdName    = "hold.json"
	maxExamples = 10
)

func holdPath(root string) string { return filepath.Join(root, StateName, holdName) }

// ReadHold reads a destination's hold; nil if there is none.
func ReadHold(root string) (*Hold, error) {
	text, err := os.ReadFile(holdPath(root))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	h := new(Hold)
	if err == nil {
		err = json.Unmarshal(text, h)
	}
	if err != nil {
		return nil, fmt.Errorf("read hold: %w", err)
	}
	return h, nil
}

// Confirm releases a destination's hold: the next try passes. It may be called
// from another process. Without a hold it says so.
func Confirm(root string) (*Hold, error) {
	h, err := ReadHold(root)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("confirm %q: nothing is held", root)
	}
	h.Confirmed = true
	return h, writeHold(root, h)
}

// writeHold replaces the file as a whole: a reader sees the old or the new.
func writeHold(root string, h *Hold) error {
	text, err := json.MarshalIndent(h, "", "  ")
	if err == nil {
		err = replaceFile(holdPath(root), text)
	}
	if err != nil {
		return fmt.Errorf("write hold: %w", err)
	}
	return nil
}

// replaceFile writes beside the file and renames; another process may do the same.
func replaceFile(path string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}

// hold counts what the set deletes, with what its act deleted before, and
// refuses all of it when that is too much and nobody confirmed it.
func (r *round) hold() error {
	doomed := r.doomed()
	if doomed == 0 {
		return nil
	}
	if now().Sub(r.act.last) > actPause {
		r.act.doomed, r.act.total = 0, 0
	}
	stats, err := r.journal.Stats(r.ctx)
	if err != nil {
		return err
	}
	r.act.total = max(r.act.total, stats.Nodes+r.act.doomed)
	if !r.cfg.MaxDelete.Exceeded(r.act.doomed+doomed, r.act.total) {
		return nil
	}
	if doomed -= r.movedOut(); !r.cfg.MaxDelete.Exceeded(r.act.doomed+doomed, r.act.total) {
		return nil
	}
	h, err := ReadHold(r.cfg.Root)
	if err != nil {
		return err
	}
	if h != nil && h.Confirmed {
		return nil
	}
	since := now()
	if h != nil {
		since = h.Since
	}
	h = &Hold{Deletions: r.act.doomed + doomed, Total: r.act.total, Since: since, Examples: r.examples()}
	held := &HoldError{r.cfg.Root, *h}
	if r.cfg.DryRun {
		return held
	}
	return errors.Join(held, writeHold(r.cfg.Root, h))
}

// doomed counts the nodes that the set removes, with all beneath them.
func (r *round) doomed() (n int64) {
	for _, t := range r.tasks {
		if t.gone && t.known && !t.within && t.state != failed {
			n += 1 + t.old.Beneath.Nodes
		}
	}
	return n
}

// movedOut counts the nodes that leave a removed directory in the same set.
func (r *round) movedOut() (n int64) {
	for _, t := range r.tasks {
		if t.gone || !t.known || t.was != 0 || t.node.ID == journal.Root {
			continue
		}
		for id, hops := t.old.Node.Parent, 0; id != journal.Root && hops < maxDepth; hops++ {
			if up := r.byID[id]; up != nil && up.gone {
				n += 1 + t.old.Beneath.Nodes
				break
			}
			s, ok, err := row(r.ctx, r.journal, id)
			if err != nil || !ok {
				break
			}
			id = s.Node.Parent
		}
	}
	return n
}

func (r *round) examples() (paths []string) {
	for _, t := range r.tasks {
		if t.gone && len(paths) < maxExamples {
			paths = append(paths, join(r.places.rowPath(t.node.ID)))
		}
	}
	return paths
}

// dropHold removes the file: what it held is done, or is not asked for any more.
func (a *Applier) dropHold() {
	if !a.cfg.DryRun {
		os.Remove(holdPath(a.cfg.Root))
	}
}
