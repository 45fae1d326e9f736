package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Report is how a replica was when it was last heard of, as somebody told it.
type Report struct {
	Teller string // who told it, as this machine knows him
	ID     string // of the replica
	Lost   time.Time
	Line   []byte // what was told, in the form of who keeps it here
}

// Keep notes reports, in place of what the same told of the same before, and forgets
// some. Of who has been lost for [KeepRuns] nothing is kept.
func (l *Ledger) Keep(ctx context.Context, reports, forget []Report) error {
	err := l.change(ctx, func(tx *sql.Tx) error {
		for _, r := range forget {
			if _, err := tx.ExecContext(ctx, "DELETE FROM reports WHERE teller = ? AND id = ?", []byte(r.Teller), []byte(r.ID)); err != nil {
				return err
			}
		}
		for _, r := range reports {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?)", []byte(r.Teller), []byte(r.ID), stamp(r.Lost), r.Line); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM reports WHERE lost BETWEEN 1 AND ?", stamp(l.now().Add(-KeepRuns)))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep reports: %w", err)
	}
	return nil
}

// Reports lists what is kept.
func (l *Ledger) Reports(ctx context.Context) (reports []Report, err error) {
	rows, err := l.read.QueryContext(ctx, "SELECT teller, id, lost, line FROM reports ORDER BY teller, id")
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var teller, id []byte
		var lost int64
		var r Report
		if err := rows.Scan(&teller, &id, &lost, &r.Line); err != nil {
			return nil, fmt.Errorf("read reports: %w", err)
		}
		r.Teller, r.ID, r.Lost = string(teller), string(id), at(lost)
		reports = append(reports, r)
	}
	return reports, rows.Err()
}
