package applier

import (
	"context"
	"slices"
	"strings"

	"github.com/hydrasync/hydrasync/journal"
)

// repairPiece is how many nodes are repaired at once, so that a live set waits little.
const repairPiece = 256

// Verify compares the disk with the journal: by what the journal remembers of
// each file, or with content by every byte. With a Fetcher it repairs:
// edited versions go to the trash, and what is missing is fetched again. With
// Prune it also removes what hydrasync did not make. It runs beside sets.
func (a *Applier) Verify(ctx context.Context, content bool, f Fetcher) (Report, error) {
	c := &checker{ctx: ctx, journal: a.journal, root: a.folders.root, content: content, prune: a.cfg.Prune && f != nil}
	if err := a.folders.check(a.cfg.Root); err != nil {
		return Report{}, err
	}
	if a.cfg.DryRun {
		f = nil
	}
	_, err := c.run()
	if err == nil {
		err = a.confirm(ctx, c, f)
	}
	report := c.report
	if err == nil {
		a.verified.Store(&report)
	}
	return report, err
}

// Verified says that a whole check has ended since Open.
func (a *Applier) Verified() bool { return a.verified.Load() != nil }

// confirm looks again at what differed, while no set is being applied: names
// that were on their way a moment ago are no difference, nor is what a set that broke
// off has left, which comes again. What still differs is repaired.
func (a *Applier) confirm(ctx context.Context, c *checker, f Fetcher) error {
	if c.odd { // by a row that is wrong itself the disk would be made wrong, and nobody would see it
		if err := a.journal.Examine(ctx); err != nil {
			return err
		}
	}
	wrong := c.suspects()
	for piece := range slices.Chunk(wrong, repairPiece) {
		if err := a.confirmPiece(ctx, c, piece, f); err != nil {
			return err
		}
	}
	if f == nil {
		return nil
	}
	for _, id := range c.wrong {
		if !a.troubles.has(id) && !a.hauls.isLate(id) {
			c.report.Repaired++
		}
	}
	for piece := range slices.Chunk(c.stale, repairPiece) {
		if err := a.confirmPiece(ctx, c, piece, f); err != nil {
			return err
		}
	}
	return a.pruneAll(ctx, c.extra)
}

func (a *Applier) confirmPiece(ctx context.Context, c *checker, ids []journal.NodeID, f Fetcher) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	var set Set
	for _, id := range ids {
		if a.doubts[id] {
			continue
		}
		s, differs, err := c.again(id)
		if err == nil && differs {
			differs, err = a.newest(ctx, &s)
		}
		if err != nil {
			return err
		}
		if differs {
			set.Entries = append(set.Entries, a.entryOf(ctx, &s))
		}
	}
	if f == nil || len(set.Entries) == 0 {
		return nil
	}
	return whole(a.apply(ctx, set, f, true))
}

// newest says whether a row may speak for its inode. Where another name of it is
// known in a newer state, a set broke off between the two: it comes again, and
// making the inode what the older row says would undo what the newer has.
func (a *Applier) newest(ctx context.Context, s *journal.Stored) (bool, error) {
	if s.Node.Link == 0 {
		return true, nil
	}
	rows, err := a.journal.ByLink(ctx, s.Node.Link)
	for _, o := range rows {
		if o.Seen.Ino == s.Seen.Ino && o.Seq > s.Seq && !sameInode(&o.Node, &s.Node) {
			return false, err
		}
	}
	return true, err
}

// entryOf is the entry that made a row, from the log if it is still there.
func (a *Applier) entryOf(ctx context.Context, s *journal.Stored) journal.Entry {
	if log, err := a.journal.Entries(ctx, s.Seq-1, 1); err == nil && len(log) == 1 && log[0].Seq == s.Seq && log[0].Change.Node.Equal(s.Node) {
		return log[0]
	}
	return journal.Entry{Seq: s.Seq, Time: now(), BodySeq: s.BodySeq, PlaceSeq: s.PlaceSeq, Change: journal.Change{Node: s.Node}}
}

// pruneAll sends foreign names to the trash. One that a set took meanwhile is no
// longer foreign.
func (a *Applier) pruneAll(ctx context.Context, paths []string) error {
	for _, path := range paths {
		if err := a.pruneOne(ctx, path); err != nil && !pathOnly(err) {
			return err
		}
	}
	return nil
}

func (a *Applier) pruneOne(ctx context.Context, path string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	cut := strings.LastIndexByte(path, '/')
	parent, err := a.journal.Resolve(ctx, path[:max(cut, 0)])
	if err != nil {
		return &pathError{"its directory is gone"}
	}
	r := newRound(ctx, a, Set{Position: a.journal.Position()}, nil)
	defer r.close()
	at := spot{parent.Node.ID, path[cut+1:]}
	if id, err := r.places.holder(at); err != nil || id != 0 {
		return err
	}
	return r.discardForeign(at)
}

func (t *troubles) has(id journal.NodeID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paths[id] != nil
}
