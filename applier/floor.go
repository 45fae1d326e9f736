package applier

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/hydrasync/hydrasync/journal"
)

// Floor is how much of the destination's file system stays free: so many bytes, or so
// much of all of it.
type Floor struct {
	Bytes   int64
	Percent float64
}

// ParseFloor reads a size like "10GiB", or "5%".
func ParseFloor(s string) (f Floor, err error) {
	text := strings.TrimSpace(s)
	if p, ok := strings.CutSuffix(text, "%"); ok {
		f.Percent, err = strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || !(f.Percent >= 0 && f.Percent < 100) {
			return Floor{}, fmt.Errorf("%q is not a part of a disk: write it like 5%%", s)
		}
		return f, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return Floor{}, fmt.Errorf("%q is neither a size nor a part of a disk: write it like 10GiB or 5%%", s)
	}
	return Floor{Bytes: int64(n)}, nil
}

// String is what [ParseFloor] reads.
func (f Floor) String() string {
	if f.Percent > 0 {
		return strconv.FormatFloat(f.Percent, 'f', -1, 64) + "%"
	}
	return strconv.FormatInt(f.Bytes, 10)
}

// IsZero says that nothing has to stay free.
func (f Floor) IsZero() bool { return f == Floor{} }

// of is the floor of a file system so large.
func (f Floor) of(all int64) int64 {
	return max(f.Bytes, int64(float64(all)*f.Percent/100))
}

// ErrMinFree is wrapped by the [*StateError] of what would cross the floor.
var ErrMinFree = errors.New("held")

// roomAgain is when what lacks room is tried again.
const roomAgain = 5 * time.Second

// shortError says what there is no room for.
func (a *Applier) shortError(what string) error {
	what = "free space: " + what
	if free, all, err := a.folders.staging.Space(); err == nil {
		what += fmt.Sprintf(", %s are free, min_free is %s", humanize.IBytes(uint64(max(free, 0))), humanize.IBytes(uint64(a.cfg.MinFree.of(all))))
	}
	return &StateError{ErrMinFree, errors.New(what)}
}

// Short is a [*StateError] while something waits for room above the floor.
func (a *Applier) Short() error {
	switch files, bytes := a.hauls.short(); files {
	case 0:
		return nil
	case 1:
		return a.shortError("a file waits, " + bytesText(bytes))
	default:
		return a.shortError(humanize.Comma(int64(files)) + " files wait, " + bytesText(bytes) + " together")
	}
}

// Overflowed is Short where more waits than is kept in mind: then what has been left
// out has to be told again.
func (a *Applier) Overflowed() error {
	a.mu.Lock()
	over := a.overflow
	a.mu.Unlock()
	if !over {
		return nil
	}
	return a.Short()
}

// spare is how much may still be written, without what is reserved for contents on their way.
func (a *Applier) spare() (int64, error) {
	free, all, err := a.folders.staging.Space()
	return free - a.cfg.MinFree.of(all) - a.hauls.reserved(), err
}

// admitRoom refuses a comparison that brings more than there is room for.
func (a *Applier) admitRoom(more int64) error {
	if a.cfg.MinFree.IsZero() || more <= 0 {
		return nil
	}
	if spare, err := a.spare(); err != nil || more <= spare {
		return err
	}
	return a.shortError(bytesText(more) + " are to come")
}

// room leaves those behind for whose content there is no room; what needs none goes
// on, above all what is removed. A comparison lacks it as a whole: its old
// versions would not outlast it.
func (r *round) room() error {
	if r.cfg.MinFree.IsZero() {
		return nil
	}
	spare, err := r.spare()
	if err != nil {
		return err
	}
	for _, t := range r.tasks {
		n, need := t.node, r.need(t)
		if need == 0 {
			continue
		}
		if need <= spare {
			spare -= need
			continue
		}
		if r.set.Full || r.again || t.was != 0 {
			return r.shortError("a file of " + bytesText(n.Body.Size) + " waits")
		}
		if t.short = true; r.hauls.mayLeave(len(r.behind)) {
			r.leave(t)
			continue
		}
		r.overflow = true
		t.state, t.err = failed, errOnItsWay
	}
	return nil
}

// need is how much a task will write. What is in staging has its room already.
func (r *round) need(t *task) int64 {
	n := t.node
	if t.gone || t.state != todo || n.Kind != journal.File || n.Body.Size == 0 || t.keeps() || r.set.ready[n.ID] != nil || r.hauls.under(n) {
		return 0
	}
	o := t.old.Node.Body
	if t.known && t.was == 0 && o.Generation == n.Body.Generation && o.Size < n.Body.Size {
		return n.Body.Size - o.Size
	}
	return n.Body.Size
}

// ahead says whether a set may write and fetch before its turn: when that is judged, it
// could be too late. It counts all sets that are under way, and forgives nothing.
func (a *Applier) ahead(s *Set) bool {
	if a.cfg.Quota.IsZero() && a.cfg.MinFree.IsZero() {
		return true
	}
	for i := range s.Entries {
		if c := &s.Entries[i].Change; !c.Gone {
			s.weight += c.Node.Body.Size
		}
	}
	all := a.weight.Add(s.weight)
	if q := a.cfg.Quota.Bytes; q > 0 {
		if st, err := a.journal.Stats(a.hauls.life()); err != nil || st.Bytes+all > q {
			return false
		}
	}
	if a.cfg.MinFree.IsZero() {
		return true
	}
	spare, err := a.spare()
	return err == nil && all <= spare
}
