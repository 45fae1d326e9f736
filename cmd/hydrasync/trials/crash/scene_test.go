package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
)

const (
	stateName   = ".hydrasync" // of a replica
	foreignName = "foreign-file"
	foreignText = "nobody but its owner may touch this\n"

	// patience is how long anything may take. The machine may be busy with other
	// things: it is a bound, not a measure.
	patience = 2 * time.Minute // longer than four turns of a path that failed
)

// foreign says whether a name was put into the replica by somebody else.
func foreign(name string) bool { return filepath.Base(name) == foreignName }

// scene is a source, a capitol, a city and its replica.
type scene struct {
	base, src, dst, state, addr string
	source                      *source
	reader                      *reader
	victim                      string // city or capitol
	strike                      *strike
	capitol, city               *process
	proven                      bool // the first tree was in step before anybody was struck
	starts                      int
}

func newScene(dir, victim string, s *strike) (*scene, error) {
	base, err := os.MkdirTemp(dir, "scene-")
	if err != nil {
		return nil, err
	}
	w := &scene{base: base, src: filepath.Join(base, "src"), dst: filepath.Join(base, "dst"), state: filepath.Join(base, "state"), victim: victim, strike: s}
	if w.addr, err = stand.FreeAddress(); err != nil {
		return nil, err
	}
	w.source = &source{root: w.src}
	return w, errors.Join(os.Mkdir(w.src, 0o755), os.Mkdir(w.dst, 0o755), os.WriteFile(filepath.Join(w.dst, foreignName), []byte(foreignText), 0o604))
}

// begin makes the first tree and starts everybody.
func (w *scene) begin() error {
	if err := w.source.do(0); err != nil {
		return err
	}
	w.reader = startReader(w.dst)
	return errors.Join(w.startCapitol(w.of("capitol")), w.startCity(w.of("city")))
}

// of is the strike, if it is for that process.
func (w *scene) of(name string) *strike {
	if name == w.victim {
		return w.strike
	}
	return nil
}

func (w *scene) startCapitol(s *strike) (err error) {
	if s != nil {
		s.under = w.state
	}
	w.capitol, err = start(s, w.nextLog(), "capitol", "--tree", "t="+w.src, "--listen", w.addr, "--state", w.state, "--log-format", "json", "--log-level", "debug")
	return err
}

func (w *scene) startCity(s *strike) (err error) {
	if s != nil {
		s.under = w.dst
	}
	w.city, err = start(s, w.nextLog(), "city", "--from", "ws://"+w.addr+"/t", "--to", w.dst, "--max-delete", "0", "--log-format", "json", "--log-level", "debug")
	return err
}

func (w *scene) nextLog() string {
	w.starts++
	return filepath.Join(w.base, fmt.Sprintf("calls-%d", w.starts))
}

// struck is the process that the strike is for.
func (w *scene) struck() *process {
	if w.victim == "city" {
		return w.city
	}
	return w.capitol
}

// restart starts the victim again, with or without another strike.
func (w *scene) restart(s *strike) error {
	w.struck().Kill()
	if w.victim == "city" {
		return w.startCity(s)
	}
	return w.startCapitol(s)
}

// reached says whether the replica has the marker of a phase.
func (w *scene) reached(phase int) bool {
	b, err := os.ReadFile(filepath.Join(w.dst, marker))
	if err != nil {
		return false
	}
	c, err := read(b)
	return err == nil && c.version > phase
}

// wait waits until something is true, or a process that is to live has ended.
func (w *scene) wait(what string, good func() bool, alive ...*process) error {
	for deadline := time.Now().Add(patience); !good(); time.Sleep(3 * time.Millisecond) {
		for _, p := range alive {
			if p.Ended() {
				return &endedError{what, p}
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %s", patience, what)
		}
	}
	return nil
}

// endedError says that a process ended while something was waited for.
type endedError struct {
	what string
	p    *process
}

func (e *endedError) Error() string {
	return fmt.Sprintf("%s: the process ended with %d:\n%s", e.what, e.p.Code(), last(e.p.Printed()))
}

func (w *scene) askCity() (stand.Report, error) { return stand.Status(filepath.Join(w.dst, stateName)) }

func (w *scene) askCapitol() (stand.Report, error) {
	folder, err := stand.StateOf(w.state)
	if err != nil {
		return stand.Report{}, err
	}
	return stand.Status(folder)
}

// end stops everybody and takes the scene away, unless it failed and is to be kept.
func (w *scene) end(failed bool) error {
	if w.city != nil {
		w.city.Kill()
	}
	if w.capitol != nil {
		w.capitol.Kill()
	}
	var err error
	if w.reader != nil {
		err = w.reader.end()
	}
	if keep := os.Getenv("HYDRASYNC_TRIAL_KEEP"); keep != "" && (failed || err != nil) {
		os.WriteFile(filepath.Join(w.base, "city.out"), []byte(w.city.Printed()), 0o644)
		os.WriteFile(filepath.Join(w.base, "capitol.out"), []byte(w.capitol.Printed()), 0o644)
		return errors.Join(err, exec.Command("cp", "-a", w.base, keep).Run(), os.RemoveAll(w.base))
	}
	return errors.Join(err, os.RemoveAll(w.base))
}

func last(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-3000):]
}
