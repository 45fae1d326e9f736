package watcher

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// rows are what the journal knows of a directory, in the order of names. One
// page of them is in memory. They may change while they are read, which does no
// harm: what a walker finds is only a reason to look.
type rows struct {
	journal *journal.Journal
	dir     journal.NodeID
	linked  *atomic.Bool // set if a row belongs to a link group
	page    []journal.Stored
	at      int  // of the next row in page
	last    bool // nothing comes after page
}

// peek is the next row, good until the next call; nil at the end.
func (r *rows) peek(ctx context.Context) (*journal.Stored, error) {
	for r.at == len(r.page) && !r.last {
		if err := r.turn(ctx); err != nil {
			return nil, err
		}
	}
	if r.at == len(r.page) {
		return nil, nil
	}
	return &r.page[r.at], nil
}

func (r *rows) turn(ctx context.Context) (err error) {
	after := ""
	if n := len(r.page); n > 0 {
		after = r.page[n-1].Node.Name
	}
	r.page, err = r.journal.ChildrenAfter(context.WithoutCancel(ctx), r.dir, after, r.page)
	r.at, r.last = 0, len(r.page) < journal.PageRows
	for i := range r.page {
		if r.page[i].Node.Link != 0 {
			r.linked.Store(true)
		}
	}
	return err
}

// begin finds what the journal knows of the walker's directory. The page is the last
// walk's, to be used again.
func (w *walker) begin(ctx context.Context, page []journal.Stored) error {
	if !w.fresh && w.node == 0 {
		row, err := w.journal.Resolve(ctx, w.path)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			w.fresh = true
		case err != nil:
			return err
		}
		w.node = row.Node.ID
	}
	w.rows = rows{journal: w.journal, dir: w.node, linked: &w.linked, page: page[:0], last: w.fresh}
	return nil
}

// rowOf is the row of a name, nil if there is none. Names come in ascending
// order, so rows before it have no name on the disk.
func (w *walker) rowOf(ctx context.Context, name string) (*journal.Stored, error) {
	for {
		row, err := w.rows.peek(ctx)
		if err != nil || row == nil || row.Node.Name > name {
			return nil, err
		}
		w.rows.at++
		if row.Node.Name == name {
			return row, nil
		}
		w.miss(row)
	}
}

// miss notes that a row's name is not on the disk.
func (w *walker) miss(row *journal.Stored) {
	if row != nil && !w.absent && !w.ignored(row.Node.Name, row.Node.Kind) {
		w.absent = true
	}
}

// finish leaves the absences for the end of the job: what is missing here may
// turn up in a directory that has not been walked yet.
func (w *walker) finish(ctx context.Context) error {
	w.problems.clearListing(w.path)
	for !w.absent {
		row, err := w.rows.peek(ctx)
		if err != nil {
			return err
		}
		if row == nil {
			return nil
		}
		w.rows.at++
		w.miss(row)
	}
	w.job.absent(task{path: w.path, node: w.node, scope: listing, since: time.Now(), job: w.job})
	return nil
}

// absences looks for all names that the journal knows of the directory.
func (w *walker) absences(ctx context.Context) error {
	for {
		row, err := w.rows.peek(ctx)
		if err != nil {
			return err
		}
		if row == nil {
			return w.pass(ctx)
		}
		w.rows.at++
		if _, err := statAt(w.fd, row.Node.Name); missing(err) {
			it := w.item(row.Node.Name)
			it.settled, it.first, it.since = true, w.since, w.since
			w.out = append(w.out, it)
		}
		if len(w.out) >= walkChunk {
			if err := w.pass(ctx); err != nil {
				return err
			}
		}
	}
}

// ignored says whether a name of this directory does not belong to the tree.
func (w *walker) ignored(name string, kind journal.Kind) bool {
	rs := w.rules()
	if w.path != "" && rs.Empty() {
		return false
	}
	return rs.ignored(join(w.path, name), kind == journal.Dir)
}
