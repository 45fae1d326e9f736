package applier

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// ReadHold reads a destination's hold; nil if there is none. One that is damaged is none:
// nobody has confirmed it, and the set that is held writes it anew.
func ReadHold(root string) (*Hold, error) {
	text, err := os.ReadFile(holdPath(root))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read hold: %w", err)
	}
	h := new(Hold)
	if json.Unmarshal(text, h) != nil {
		return nil, nil
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
	if h == nil || h.Confirmed {
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
	if !slices.ContainsFunc(r.tasks, func(t *task) bool { return t.gone }) {
		return nil
	}
	stats, err := r.journal.Stats(r.ctx)
	if err != nil {
		return err
	}
	r.act.goOn(stats.Nodes, r.highest.get())
	if r.doomed = r.countDoomed(); r.doomed == 0 || r.act.released {
		return nil
	}
	h := Hold{Deletions: r.act.doomed + r.doomed, Total: r.act.total}
	if !r.cfg.MaxDelete.Exceeded(h.Deletions, h.Total) {
		return nil
	}
	before, err := ReadHold(r.cfg.Root)
	switch {
	case err != nil:
		return err
	case before == nil:
		h.Since = now()
	case before.Confirmed:
		r.act.released = true
		return nil
	default:
		h.Since = before.Since
	}
	h.Examples = r.examples()
	held := &HoldError{r.cfg.Root, h}
	if r.cfg.DryRun {
		return held
	}
	return errors.Join(held, writeHold(r.cfg.Root, &h))
}

// countDoomed counts the nodes that the set removes, with all beneath them, but
// for those that leave a removed directory and for what the act itself brought.
func (r *round) countDoomed() (n int64) {
	full := false // something may leave what goes
	for _, t := range r.tasks {
		if t.gone && t.known && !t.within && t.state != failed && t.node.ID <= r.act.newest {
			n += 1 + t.old.Beneath.Nodes
			full = full || t.old.Beneath.Nodes > 0
		}
	}
	if full {
		n = max(0, n-r.movedOut().Nodes)
	}
	return n
}

// movedOut adds up the nodes that leave a removed directory in the same set, as they were.
func (r *round) movedOut() (n journal.Sum) {
	for _, t := range r.tasks {
		if t.gone || !t.known || t.was != 0 || t.node.ID == journal.Root || t.old.Node.Parent == t.node.Parent {
			continue
		}
		for id, hops := t.old.Node.Parent, 0; id != journal.Root && hops < maxDepth; hops++ {
			if up := r.byID[id]; up != nil && up.gone {
				n = n.Plus(journal.SumOf(&t.old.Node)).Plus(t.old.Beneath)
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
