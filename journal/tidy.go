package journal

import (
	"context"
	"fmt"
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
	if err != nil {
		return false
	}
	if !more {
		w.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
		w.conn.ExecContext(context.Background(), "PRAGMA incremental_vacuum(1000)")
	}
	return more
}

// purgeStep takes some rows beneath one removed directory out of the living. They
// stay as tombstones while the log knows them: a reader that saw one elsewhere,
// before it was moved there, has to be told.
func (t *tx) purgeStep() (more bool, err error) {
	var dir int64
	row := t.conn.QueryRowContext(context.Background(), "SELECT coalesce((SELECT dir FROM purge LIMIT 1), 0)")
	if err := row.Scan(&dir); err != nil || dir == 0 {
		return false, wrap("purge", err)
	}
	children, err := t.childIDs(NodeID(dir), purgeRows)
	if err != nil {
		return false, err
	}
	for id, kind := range children {
		if kind == Dir {
			if err := t.exec("purge", fmt.Sprintf("INSERT OR IGNORE INTO purge VALUES (%d)", id)); err != nil {
				return false, err
			}
		}
		if err := t.unplace(id); err != nil {
			return false, err
		}
	}
	if len(children) < purgeRows {
		return true, t.exec("purge", fmt.Sprintf("DELETE FROM purge WHERE dir = %d", dir))
	}
	return true, nil
}

// purgeNow is purgeStep for everything beneath a directory at once.
func (t *tx) purgeNow(dir NodeID) error {
	if err := t.exec("purge", fmt.Sprintf("INSERT OR IGNORE INTO purge VALUES (%d)", dir)); err != nil {
		return err
	}
	return t.purgeAll()
}

func (t *tx) purgeAll() error {
	for {
		if more, err := t.purgeStep(); err != nil || !more {
			return err
		}
	}
}

func (t *tx) childIDs(dir NodeID, limit int) (map[NodeID]Kind, error) {
	rows, err := t.conn.QueryContext(context.Background(), "SELECT id, state FROM nodes WHERE parent = ? AND gone = 0 LIMIT ?", int64(dir), limit)
	if err != nil {
		return nil, wrap("purge", err)
	}
	defer rows.Close()
	found := map[NodeID]Kind{}
	for rows.Next() {
		var id int64
		var state []byte
		if err := rows.Scan(&id, &state); err != nil {
			return nil, wrap("purge", err)
		}
		var n Node
		if err := decodeState(state, &n); err != nil {
			return nil, err
		}
		found[NodeID(id)] = n.Kind
	}
	return found, wrap("purge", rows.Err())
}

func (t *tx) unplace(id NodeID) error {
	delete(t.dirs, id)
	if err := t.exec("purge", fmt.Sprintf("UPDATE nodes SET gone = 1, ino = 0, sum = NULL WHERE id = %d", id)); err != nil {
		return err
	}
	_, err := t.stmts.dropHash.Exec(int64(id))
	return wrap("purge", err)
}

// compactStep drops the oldest entries beyond the retention, and the
// tombstones that only they carried. The newest entry always stays: it holds
// the digest that a position is checked against.
func (t *tx) compactStep() (more bool, err error) {
	var first, byAge int64
	oldest := t.now.Add(-t.keepAge).UnixNano()
	row := t.conn.QueryRowContext(context.Background(), `SELECT coalesce((SELECT seq FROM entries ORDER BY seq LIMIT 1), 0),
		coalesce((SELECT seq FROM (SELECT seq, time FROM entries ORDER BY seq LIMIT ?) WHERE time < ? ORDER BY seq DESC LIMIT 1), 0)`, compactRows, oldest)
	if err := row.Scan(&first, &byAge); err != nil || first == 0 {
		return false, wrap("compact", err)
	}
	floor := max(byAge, int64(t.head.pos.Seq)-t.keepCount)
	floor = min(floor, first+compactRows, int64(t.head.pos.Seq)-1)
	if floor < first {
		return false, nil
	}
	t.head.floor = max(t.head.floor, Seq(floor))
	return true, t.exec("compact", fmt.Sprintf(
		"DELETE FROM entries WHERE seq <= %d; DELETE FROM nodes WHERE gone = 1 AND seq <= %d", floor, floor))
}
