package journal

import (
	"context"
	"database/sql"
	"time"
)

// How much one step of tidying does before it looks for writes again.
const (
	purgeRows   = 500
	compactRows = 5000
)

// tidy does one short step of housekeeping and says whether there is more.
// An error is left for the next write to meet.
func (w *writer) tidy() (more bool) {
	err := w.run(request{do: func(t *tx) (err error) {
		if more, err = t.purgeStep(); err != nil || more {
			return err
		}
		more, err = t.compactStep()
		return err
	}})
	return more && err == nil
}

// rest gives back what the next write does not need at once: free pages of the
// file, the WAL's content, and the memory of the page caches. The next write
// reads a few pages again, which is little beside its flush.
func (w *writer) rest() {
	t := &w.tx
	for _, pragma := range []string{"incremental_vacuum(1000)", "wal_checkpoint(PASSIVE)", "shrink_memory"} {
		_ = t.exec(pragma, "PRAGMA "+pragma) // nothing depends on it, and the next write meets what is wrong
	}
	if len(t.dirs) > idleDirs {
		t.forget()
	}
	t.buf, t.args, t.fresh.args, t.entries.args = nil, nil, nil, nil
	w.letGo()
}

// letGo empties the page caches of the reading connections that nobody uses
// now. They stay open: opening one costs more than reading its pages again.
func (w *writer) letGo() {
	w.seen = w.reads()
	defer trimMalloc()
	ctx, cancel := context.WithTimeout(w.tx.ctx, time.Second)
	defer cancel()
	var idle []*sql.Conn
	for range w.readers.Stats().Idle {
		conn, err := w.readers.Conn(ctx)
		if err != nil {
			break
		}
		idle = append(idle, conn) // kept until all are had, or it would be the same again
	}
	for _, conn := range idle {
		_, _ = conn.ExecContext(ctx, "PRAGMA shrink_memory")
		_ = conn.Close()
	}
}

// purgeStep takes some rows beneath one removed directory out of the living. They
// stay as tombstones while the log knows them: a reader that saw one elsewhere,
// before it was moved there, has to be told.
func (t *tx) purgeStep() (more bool, err error) {
	var dir int64
	row := t.conn.QueryRowContext(t.ctx, "SELECT coalesce((SELECT dir FROM purge LIMIT 1), 0)")
	if err := row.Scan(&dir); err != nil || dir == 0 {
		return false, wrap("purge", err)
	}
	return true, t.purgeSome(NodeID(dir))
}

// purgeSome takes some rows from one directory; it leaves the queue with the last.
func (t *tx) purgeSome(dir NodeID) error {
	rows, _, err := selectStored(t.ctx, t.conn, nil, "parent = ? AND gone = 0 LIMIT ?", int64(dir), purgeRows)
	if err != nil {
		return err
	}
	children := make([]*Stored, len(rows))
	for i := range rows {
		children[i] = &rows[i]
	}
	if err := t.unplace(children); err != nil || len(rows) == purgeRows {
		return err
	}
	return t.exec("purge", "DELETE FROM purge WHERE dir = ?", int64(dir))
}

// purgeBeneath takes all rows in a directory at once, so that it can be used
// again. What is deeper is out of reach then and waits in the queue.
func (t *tx) purgeBeneath(dir NodeID) error {
	if err := t.queuePurge([]NodeID{dir}); err != nil {
		return err
	}
	for {
		var left int
		row := t.conn.QueryRowContext(t.ctx, "SELECT count(*) FROM purge WHERE dir = ?", int64(dir))
		if err := row.Scan(&left); err != nil || left == 0 {
			return wrap("purge", err)
		}
		if err := t.purgeSome(dir); err != nil {
			return err
		}
	}
}

func (t *tx) purgeAll() error {
	for {
		if more, err := t.purgeStep(); err != nil || !more {
			return err
		}
	}
}

// unplace makes tombstones of living rows beneath a removed directory, and
// queues what is beneath them.
func (t *tx) unplace(rows []*Stored) error {
	if len(rows) == 0 {
		return nil
	}
	ids, dirs := make([]NodeID, 0, len(rows)), make([]NodeID, 0, len(rows))
	for _, s := range rows {
		s.Gone = true
		delete(t.dirs, s.Node.ID)
		ids = append(ids, s.Node.ID)
		if s.Node.Kind == Dir {
			dirs = append(dirs, s.Node.ID)
		}
	}
	list := listIDs(ids)
	if err := t.exec("purge", "UPDATE nodes SET gone = 1, key = 0, sum = NULL WHERE "+amongIDs, list); err != nil {
		return err
	}
	if err := t.exec("purge", "DELETE FROM hashes WHERE node IN (SELECT value FROM json_each(?))", list); err != nil {
		return err
	}
	return t.queuePurge(dirs)
}

func (t *tx) queuePurge(dirs []NodeID) error {
	if len(dirs) == 0 {
		return nil
	}
	return t.exec("queue purge", "INSERT OR IGNORE INTO purge SELECT value FROM json_each(?)", listIDs(dirs))
}

// The first entry, and the last of the first that is too old.
const selectOldest = `SELECT coalesce((SELECT min(seq) FROM entries), 0),
	coalesce((SELECT max(seq) FROM (SELECT seq, stamp FROM entries WHERE seq > 0 ORDER BY seq LIMIT ?) WHERE stamp < ?), 0)`

const (
	deleteEntries = "DELETE FROM entries WHERE seq <= ?"
	deleteTombs   = "DELETE FROM nodes WHERE gone = 1 AND seq <= ?"
)

// compactStep drops the oldest entries beyond the retention, and the
// tombstones that only they carried. The newest entry always stays: it holds
// the digest that a position is checked against.
func (t *tx) compactStep() (more bool, err error) {
	var first, byAge int64
	oldest := appendStampTime(nil, t.now.Add(-t.keepAge))
	row := t.conn.QueryRowContext(t.ctx, selectOldest, compactRows, oldest)
	if err := row.Scan(&first, &byAge); err != nil || first == 0 {
		return false, wrap("compact", err)
	}
	floor := max(byAge, int64(t.head.pos.Seq)-t.keepCount)
	floor = min(floor, first+compactRows, int64(t.head.pos.Seq)-1)
	if floor < first {
		return false, nil
	}
	t.head.floor = max(t.head.floor, Seq(floor))
	if err := t.exec("compact", deleteEntries, floor); err != nil {
		return false, err
	}
	return true, t.exec("compact", deleteTombs, floor)
}
