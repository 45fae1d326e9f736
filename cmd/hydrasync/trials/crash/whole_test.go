package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

// mustBecomeWhole waits until the replica is the source, both ends know it, and
// nothing is left over; what is missing last is the error.
func (w *scene) mustBecomeWhole() error {
	var err error
	pause := 20 * time.Millisecond
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pause) {
		if err = w.whole(); err == nil {
			return nil
		}
		for _, p := range []*process{w.city, w.capitol} {
			if p.Ended() {
				return &endedError{"waiting for equality", p}
			}
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
	return fmt.Errorf("not whole after %v: %w\nthe city printed:\n%s\nthe capitol printed:\n%s", patience, err, last(w.city.Printed()), last(w.capitol.Printed()))
}

func (w *scene) whole() error {
	city, err := w.askCity()
	if err != nil {
		return err
	}
	capitol, err := w.askCapitol()
	switch {
	case err != nil:
		return err
	case city.Epoch != capitol.Epoch || city.Seq != capitol.Seq || city.Digest != capitol.Digest:
		return fmt.Errorf("the city is at %s %d %s, the capitol at %s %d %s", city.Epoch, city.Seq, city.Digest, capitol.Epoch, capitol.Seq, capitol.Digest)
	case !city.Highway.InStep || city.State != "in step":
		return fmt.Errorf("the city says %q (%s)", city.State, city.Why)
	}
	differ, err := judge(w.src, w.dst)
	if err == nil && differ != "" {
		err = errors.New("the trees differ: " + differ)
	}
	return errors.Join(err, w.tidy())
}

// tidy says what is left over in the folders of both ends.
func (w *scene) tidy() error {
	known := map[string]bool{"journal.db": true, "journal.db-wal": true, "journal.db-shm": true, "journal.db.lock": true, "admin.sock": true,
		"tree.json": true, "chunks": true, "staging": true, "parked": true, "trash": true, "intent": true, "echo": true,
		"ledger.db": true, "ledger.db-wal": true, "ledger.db-shm": true}
	folders := []string{filepath.Join(w.dst, stateName)}
	journals, _ := filepath.Glob(filepath.Join(w.state, "*", "journal.db"))
	for _, j := range journals {
		folders = append(folders, filepath.Dir(j))
	}
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !known[e.Name()] {
				return fmt.Errorf("%s is left in %s", e.Name(), folder)
			}
		}
	}
	for _, name := range []string{"staging", "parked"} {
		entries, err := os.ReadDir(filepath.Join(w.dst, stateName, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("%d names are left in %s, %s for one", len(entries), name, entries[0].Name())
		}
	}
	return w.untouched()
}

// untouched says whether what belongs to others is as it was.
func (w *scene) untouched() error {
	return filepath.WalkDir(w.dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !foreign(path) {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && string(text) != foreignText {
			err = fmt.Errorf("%s was changed", path)
		}
		if info, fault := d.Info(); fault != nil || info.Mode().Perm() != 0o604&^0o022 && info.Mode().Perm() != 0o604 {
			err = errors.Join(err, fault, fmt.Errorf("%s was dressed", path))
		}
		return err
	})
}

// verified asks hydrasync itself whether rows and disk agree, byte by byte.
func (w *scene) verified() error {
	out, err := stand.Command("verify", w.dst, "--content").CombinedOutput()
	if err != nil {
		return fmt.Errorf("verify: %w\n%s", err, out)
	}
	return nil
}

// plant puts files of somebody else into the replica.
func (w *scene) plant() error {
	for _, dir := range []string{".", "keep"} {
		if err := os.WriteFile(filepath.Join(w.dst, dir, foreignName), []byte(foreignText), 0o604); err != nil {
			return err
		}
	}
	return nil
}

// sparseStays says whether the hole of the sparse file arrived.
func (w *scene) sparseStays() error {
	if n := allocated(filepath.Join(w.dst, "sparse")); n > sparseSize/2 { // some file systems allocate ahead
		return fmt.Errorf("the sparse file takes %d bytes on the city's disk", n)
	}
	return nil
}
