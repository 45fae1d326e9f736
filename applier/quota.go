package applier

import (
	"context"
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/hydrasync/hydrasync/journal"
)

// Quota is how much a destination may hold; a zero part does not count. What the trash
// keeps is not counted either.
type Quota struct {
	Bytes int64 // of all files together
	Paths int64 // the destination itself included, as in [Status]
}

// IsZero says that there is none.
func (q Quota) IsZero() bool { return q == Quota{} }

// QuotaError says that nothing of what came was applied because the destination
// would hold more than it may. What makes it no larger than it is passes.
type QuotaError struct {
	Quota Quota
	Would Quota // hold
}

func (e *QuotaError) Error() string {
	if q := e.Quota.Bytes; q > 0 && e.Would.Bytes > q {
		return fmt.Sprintf("held: it would be %s, max_bytes is %s", bytesText(e.Would.Bytes), bytesText(q))
	}
	return fmt.Sprintf("held: it would be %s paths, max_paths is %s", humanize.Comma(e.Would.Paths), humanize.Comma(e.Quota.Paths))
}

// Hint says what a person can do.
func (e *QuotaError) Hint() string {
	return "allow more, mirror less of the tree (sub_dirs), or remove some at the source; hydrasync goes on by itself"
}

// bytesText is a size for people, and exact where rounding would hide what it is about.
func bytesText(n int64) string {
	short := humanize.IBytes(uint64(max(n, 0)))
	if n < 1<<10 {
		return short
	}
	return short + " (" + strconv.FormatInt(n, 10) + " bytes)"
}

// against is the error for what would be held, nil if it may be, or is no more than
// what is there.
func (q Quota) against(would, own Quota) *QuotaError {
	if q.Bytes > 0 && would.Bytes > q.Bytes && would.Bytes > own.Bytes ||
		q.Paths > 0 && would.Paths > q.Paths && would.Paths > own.Paths {
		return &QuotaError{q, would}
	}
	return nil
}

func (q Quota) plus(o Quota) Quota { return Quota{q.Bytes + o.Bytes, q.Paths + o.Paths} }

// catchUp is what a city is brought to first. On the way, which is not told in the order
// in which it happened, what goes may be beside what comes: then it may hold
// as much as it did, and as much as it may.
type catchUp struct {
	goal journal.Position
	from Quota // what it held
	over bool  // the goal was reached
}

// Total is what a capitol's part of a tree is at a position.
type Total struct {
	Paths, Bytes int64
	At           journal.Position
	Full         bool // all of it is to be compared
}

// Admit is called before Begin: what is too large for the quota, or a comparison for
// which there is no room, is refused before any of it comes. The errors are a
// [*QuotaError] and a [*StateError].
func (a *Applier) Admit(ctx context.Context, t Total) error {
	if a.cfg.Quota.IsZero() && a.cfg.MinFree.IsZero() {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	own, err := a.holds(ctx)
	if err != nil {
		return err
	}
	a.catchUp = catchUp{goal: t.At, from: own}
	refused := a.cfg.Quota.against(Quota{t.Bytes, t.Paths}, own)
	a.refused.Store(refused)
	if refused != nil {
		return refused
	}
	if !t.Full {
		return nil
	}
	if err = a.admitRoom(t.Bytes - own.Bytes); err != nil {
		a.troubles.setState(err)
	}
	return err
}

func (a *Applier) holds(ctx context.Context) (Quota, error) {
	s, err := a.journal.Stats(ctx)
	return Quota{s.Bytes, s.Nodes}, err
}

// quota refuses a set, as a whole, after which the destination would hold too much.
func (r *round) quota() error {
	if r.cfg.Quota.IsZero() || r.again {
		return nil
	}
	own, err := r.holds(r.ctx)
	if err != nil {
		return err
	}
	would := own.plus(r.growth())
	late, err := r.lateGrowth()
	if err != nil {
		return err
	}
	would, may := would.plus(late), r.cfg.Quota
	if r.onTheWay() {
		may = may.plus(r.catchUp.from)
		may.Bytes, may.Paths = orNone(r.cfg.Quota.Bytes, may.Bytes), orNone(r.cfg.Quota.Paths, may.Paths)
	}
	if refused := may.against(would, own); refused != nil {
		refused.Quota = r.cfg.Quota
		r.refused.Store(refused)
		return refused
	}
	return nil
}

// orNone leaves a part of a quota out that does not count.
func orNone(part, sum int64) int64 {
	if part == 0 {
		return 0
	}
	return sum
}

// onTheWay says whether the set leads to something that was admitted, and is not it.
func (r *round) onTheWay() bool {
	c, pos := &r.catchUp, r.set.Position
	if !c.over && !pos.IsZero() && (!r.set.Full || r.set.FullDone) {
		c.over = pos.Epoch != c.goal.Epoch || pos.Seq >= c.goal.Seq
	}
	return !c.over
}

// growth is by how much the set makes the destination larger.
func (r *round) growth() (g Quota) {
	left := journal.Sum{}
	for _, t := range r.tasks {
		row := t.old.Seq > 0
		switch {
		case t.gone && row && !t.within && t.state != failed:
			g = g.plus(Quota{-t.old.Node.Body.Size - t.old.Beneath.Bytes, -1 - t.old.Beneath.Nodes})
			left.Nodes++
		case t.gone, t.state == failed:
		case row:
			g.Bytes += t.node.Body.Size - t.old.Node.Body.Size
		default:
			g = g.plus(Quota{t.node.Body.Size, 1})
		}
	}
	if left.Nodes > 0 {
		left = r.movedOut()
		g = g.plus(Quota{left.Bytes, left.Nodes})
	}
	return g
}

// lateGrowth is what earlier sets have left behind, which no row counts yet.
func (r *round) lateGrowth() (g Quota, err error) {
	for _, n := range r.hauls.wanted(nil) {
		if r.byID[n.ID] != nil {
			continue
		}
		s, ok, err := row(r.ctx, r.journal, n.ID)
		switch {
		case err != nil:
			return g, err
		case ok:
			g.Bytes += n.Body.Size - s.Node.Body.Size
		default:
			g = g.plus(Quota{n.Body.Size, 1})
		}
	}
	return g, nil
}
