package applier

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// journalName is the journal's file in the state folder.
const journalName = "journal.db"

// Forecast is what sets would change, counted by a dry run.
type Forecast struct {
	Create   int64    `json:"create"`
	Update   int64    `json:"update"`
	Move     int64    `json:"move"`
	Remove   int64    `json:"remove"` // with all beneath
	Bytes    int64    `json:"bytes"`  // of contents that are not here as they are wanted
	Examples []string `json:"examples,omitempty"`
}

// Forecast is the sum over all sets so far. Only a dry run counts.
func (a *Applier) Forecast() Forecast {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.forecast
}

// openDry opens a destination for looking only. What hydrasync would write of
// its own goes to a scratch folder, with a copy of the journal. A destination
// that does not exist yet is an empty one.
func openDry(cfg *Config) (f *folders, err error) {
	scratch, err := os.MkdirTemp("", "hydrasync-dry-run-")
	if err != nil {
		return nil, err
	}
	path := cfg.Root
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(scratch, "empty")
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
	}
	root, err := beneath.Open(path, nil, nil)
	if err != nil {
		os.RemoveAll(scratch)
		return nil, rootError(cfg.Root, err)
	}
	f = &folders{root: root, scratch: scratch}
	own, err := beneath.Open(scratch, nil, nil)
	if err == nil {
		err = errors.Join(f.openOwn(own.Top(), scratch), own.Close())
	}
	for _, suffix := range []string{"", "-wal"} {
		if err == nil {
			err = copyIfThere(filepath.Join(cfg.Root, StateName, journalName+suffix), filepath.Join(scratch, StateName, journalName+suffix))
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func copyIfThere(from, to string) error {
	src, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// count counts the tasks instead of doing them, and takes them for done, so
// that the scratch journal goes on as the real one would.
func (r *round) count() error {
	for _, t := range r.tasks {
		if t.state != todo {
			continue
		}
		t.state, t.seen = done, t.old.Seen
		f := &r.Applier.forecast
		switch {
		case t.gone:
			f.Remove += 1 + t.old.Beneath.Nodes
		case !t.known:
			f.Create++
		case t.old.Node.Parent != t.node.Parent && t.was == 0 || t.old.Node.Name != t.node.Name:
			f.Move++
		case t.was == 0 && t.old.Node.ID != 0 && t.old.Seq != 0 || !t.keeps():
			f.Update++
		default:
			continue
		}
		if t.node.Kind == journal.File && !t.keeps() {
			f.Bytes += t.node.Body.Size
		}
		if len(f.Examples) < maxListed {
			f.Examples = append(f.Examples, r.pathOf(t))
		}
	}
	return nil
}
