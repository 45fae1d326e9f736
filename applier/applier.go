package applier

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/applier/beneath"
	"github.com/hydrasync/hydrasync/journal"
)

// Applier applies sets to one destination. Its methods may be called at once;
// sets are applied one after the other.
type Applier struct {
	cfg      Config
	folders  *folders
	journal  *journal.Journal
	trash    *trash
	troubles *troubles
	*stock
	highest  highest
	verified atomic.Pointer[Report]
	refused  atomic.Pointer[QuotaError] // nil: what came last was admitted
	weight   atomic.Int64               // of sets that are prepared or applied
	poke     chan struct{}              // wakes Run

	mu       turn // held while the tree is changed
	act      act
	catchUp  catchUp
	named    named // by a full comparison
	doubts   doubts
	stale    bool // a comparison may have left rows that it had made stale
	forecast Forecast
	settled  bool // once at least
	closed   bool
	overflow bool // something that lacked room is not among what is late
	pledge   pledge
}

// pledge is what the capitol may be told of the position.
type pledge struct {
	given journal.Position // the newest that a set brought, while something is late
	kept  journal.Position // see [Applier.Confirmed]
}

// Open opens a destination and its journal, and puts in order what a crash left.
// The errors are [*RootError] and [*journal.InUseError].
func Open(cfg Config) (*Applier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	open, home := openFolders, cfg.Root
	if cfg.DryRun {
		open = openDry
	}
	f, err := open(&cfg)
	if err != nil {
		return nil, err
	}
	if f.scratch != "" {
		home = f.scratch
	}
	j, err := journal.Open(journal.Config{
		Path: filepath.Join(home, StateName, journalName), Role: journal.City, Log: cfg.Log,
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	a := &Applier{cfg: cfg, folders: f, journal: j, troubles: newTroubles(),
		stock: newStock(f.staging, cfg.chunks()), poke: make(chan struct{}, 1), mu: newTurn(), doubts: doubts{}}
	a.trash = newTrash(f.trash, a.litter, cfg.Trash, cfg.TrashMax)
	if err := errors.Join(a.highest.read(context.Background(), j), a.tidy(context.Background())); err != nil {
		return nil, errors.Join(fmt.Errorf("tidy destination: %w", whole(err)), a.Close())
	}
	a.pledge.kept, a.stale = j.Position(), true
	return a, nil
}

// tidy puts in order what a crash left. Staging is emptied only when nothing of
// value can be in it any more.
func (a *Applier) tidy(ctx context.Context) error {
	if err := a.recover(ctx); err != nil {
		return err
	}
	return errors.Join(a.folders.clean(), a.unpark(ctx), dropIntent(a.folders.intent))
}

// Close waits for the running set and gives everything back. Twice is safe.
func (a *Applier) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	a.stock.end()
	endIntent(a.folders.intent)
	return errors.Join(a.journal.Close(), a.folders.close())
}

// Journal is the city's journal. It is closed by [Applier.Close].
func (a *Applier) Journal() *journal.Journal { return a.journal }

// Begins says how a subscription starts.
type Begins uint8

// The ways to start.
const (
	Resume   Begins = iota + 1 // entries after the position
	Compare                    // all current nodes, under the ids that the journal knows
	Renumber                   // all current nodes, under other ids: another epoch, a rolled-back capitol, a tree digest that differs
)

// Begin is called before the first set of a subscription. It forgets what a
// comparison that broke off had named. What an earlier set left half done is put in order
// first, while ids mean what they meant.
func (a *Applier) Begin(ctx context.Context, how Begins) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.named = named{}
	a.hauls.reset()
	a.pledge, a.overflow = pledge{}, false
	err := a.recover(ctx)
	if disk := (*beneath.Error)(nil); errors.As(err, &disk) {
		return whole(err)
	}
	a.report("recover", err) // the comparison that follows asks nothing of these rows
	err = nil
	switch how {
	case Resume:
		a.pledge.kept = a.journal.Position()
	case Compare:
		err = a.journal.Forget(ctx)
	case Renumber:
		a.act = act{}
		a.troubles.clear()
		a.stale = true
		clear(a.doubts)
		err = a.journal.Renumber(ctx)
	}
	filled, unknown := a.Filled()
	a.bare.Store(unknown == nil && !filled)
	return errors.Join(err, a.highest.read(ctx, a.journal))
}

// Confirmed is the position of which everything is on disk and recorded, since
// Begin; none before a comparison is complete. While contents are on their way it
// stays behind what was applied.
func (a *Applier) Confirmed() journal.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pledge.kept
}

// Late tells when a content has come that its set did not wait for: then Complete
// has something to do.
func (a *Applier) Late() <-chan struct{} { return a.hauls.wake }

// Complete makes the nodes whose contents have come since their sets. Its errors
// are those of Apply.
func (a *Applier) Complete(ctx context.Context, f Fetcher) error {
	if _, some := a.hauls.due(); some {
		return a.Apply(ctx, Set{}, f)
	}
	return nil
}

// Settle is called when the tree is known to be in step: a hold is over, whether
// it was confirmed or what it held came back. What is still parked belongs nowhere.
func (a *Applier) Settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	if !a.settled { // see [Applier.Run]
		a.settled = true
		a.troubles.askVerify()
		a.wake()
	}
	a.act.settle()
	a.hauls.tidy()
	a.litter.again()
	a.dropHold()
	if !a.cfg.DryRun {
		a.report("drop what is parked", a.dropParked(context.Background()))
	}
}

// Apply makes a set true. When it returns nil, everything is on disk and
// recorded, save the paths that [Status] lists, and what [Applier.Complete] is to
// make: then the position is not recorded before that. A [*HoldError] or [*QuotaError] means that
// nothing was changed; a [*StateError] or [*RootError] that the set is to be
// applied again later. Applying a set again changes nothing.
func (a *Applier) Apply(ctx context.Context, s Set, f Fetcher) error {
	a.line.leave(&s)
	defer a.Drop(&s) // what it did not use
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.addDue(&s)
	err := whole(a.apply(ctx, s, f, false))
	a.troubles.setState(err)
	if a.Behind() || a.Short() != nil {
		a.wake()
	}
	return err
}

// wake lets [Applier.Run] look what is due.
func (a *Applier) wake() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// addDue puts into a set what earlier ones have left behind and can be made by now.
func (a *Applier) addDue(s *Set) {
	due, _ := a.hauls.due()
	if len(due) == 0 {
		return
	}
	told := make(map[journal.NodeID]bool, len(s.Entries))
	for i := range s.Entries {
		told[s.Entries[i].Change.Node.ID] = true
	}
	s.Entries = slices.Clip(s.Entries)
	for _, e := range due {
		if !told[e.Change.Node.ID] {
			s.Entries = append(s.Entries, e)
		}
	}
}

// apply leaves rows and disk agreeing also when it fails, as far as the disk lets it.
func (a *Applier) apply(ctx context.Context, s Set, f Fetcher, again bool) error {
	err := a.applyRound(ctx, s, f, again)
	if err != nil && !a.cfg.DryRun {
		a.report("recover", a.recover(context.WithoutCancel(ctx)))
	}
	return err
}

func (a *Applier) applyRound(ctx context.Context, s Set, f Fetcher, again bool) (err error) {
	if err := a.folders.check(a.cfg.Root); err != nil {
		return err
	}
	if err := a.recover(ctx); err != nil {
		return err
	}
	r := newRound(ctx, a, s, f)
	r.again = again
	defer r.close()
	steps := []func() error{r.plan, r.hold, r.quota, r.room, r.stage, r.keepHolders, r.commit, r.place, r.clear, r.seal, r.record}
	if a.cfg.DryRun {
		steps = []func() error{r.plan, r.hold, r.quota, r.count, r.record}
	}
	for _, step := range steps {
		if err = step(); err != nil {
			r.doubt()
			return err
		}
	}
	return nil
}

func now() time.Time { return time.Now().UTC() }
