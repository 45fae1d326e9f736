package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Run is one line of the log: a connection and what came of it, or attempts in vain.
// Names are as they are.
type Run struct {
	ID      int64 // 0: not recorded yet
	Side    Side
	Kind    Kind
	Began   time.Time
	City    string // as the capitol knows it; on the city as it has joined
	Tree    string
	Remote  string // the other end: an address, or the URL that was followed
	Mode    string // how the city was brought up to date
	Reason  string // why so
	Entries int64
	Bytes   int64 // of content
	Tries   int64 // how many attempts this line stands for
	Ending
}

// Ending is how a run ended. All is zero while it goes on.
type Ending struct {
	At     time.Time
	Result Result
	Fault  string // whose it was: local, remote, network; "" nobody's
	Said   string // what was wrong; the other end's own words if the fault was there
}

// Side is the end that wrote a line.
type Side string

// The sides.
const (
	AtCity    Side = "city"
	AtCapitol Side = "capitol"
)

// Kind is what a line tells of.
type Kind string

// The kinds.
const (
	Session Kind = "session" // both ends have agreed
	Attempt Kind = "attempt" // they have not
)

// Result is how a run ended; "" while it goes on.
type Result string

// The results.
const (
	OK      Result = "ok"
	Warning Result = "warning" // it will go on by itself
	Failed  Result = "error"
	Fatal   Result = "fatal" // it will not
)

// How much is kept. An attempt that fails as the one before, within sameAttempt, is
// counted in its line.
const (
	KeepRuns     = 90 * 24 * time.Hour
	keepSessions = 10000
	keepAttempts = 1000
	sameAttempt  = time.Hour
)

const columns = "side, kind, began, city, tree, remote, mode, reason, entries, bytes, attempts, ended, result, fault, said"

// Record writes runs down, new ones and again those that go on, in one transaction. It
// gives each its ID, and an attempt the tries of the line that it is counted in.
func (l *Ledger) Record(ctx context.Context, runs ...*Run) error {
	err := l.change(ctx, func(tx *sql.Tx) error {
		for _, r := range runs {
			if err := record(ctx, tx, r); err != nil {
				return err
			}
		}
		return trim(ctx, tx, stamp(l.now().Add(-KeepRuns)))
	})
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

func record(ctx context.Context, tx *sql.Tx, r *Run) (err error) {
	switch {
	case r.ID != 0:
		_, err = tx.ExecContext(ctx, "UPDATE runs SET entries = ?, bytes = ?, attempts = ?, ended = ?, result = ?, fault = ?, said = ? WHERE id = ?",
			r.Entries, r.Bytes, r.Tries, stamp(r.At), r.Result, r.Fault, []byte(r.Said), r.ID)
		return err
	case r.Kind == Attempt:
		found := tx.QueryRowContext(ctx, `UPDATE runs SET attempts = attempts + ?, ended = max(ended, ?), result = ? WHERE id = (SELECT id FROM runs
			WHERE kind = ? AND side = ? AND city = ? AND tree = ? AND remote = ? AND said = ? AND ended >= ? ORDER BY id DESC LIMIT 1) RETURNING id, attempts`,
			r.Tries, stamp(r.At), r.Result, Attempt, r.Side, []byte(r.City), []byte(r.Tree), []byte(r.Remote), []byte(r.Said), stamp(r.Began.Add(-sameAttempt))).Scan(&r.ID, &r.Tries)
		if !errors.Is(found, sql.ErrNoRows) {
			return found
		}
	}
	return tx.QueryRowContext(ctx, "INSERT INTO runs ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
		r.Side, r.Kind, stamp(r.Began), []byte(r.City), []byte(r.Tree), []byte(r.Remote), r.Mode, []byte(r.Reason), r.Entries, r.Bytes, r.Tries,
		stamp(r.At), r.Result, r.Fault, []byte(r.Said)).Scan(&r.ID)
}

// trim forgets what is old or too much; never what goes on.
func trim(ctx context.Context, tx *sql.Tx, before int64) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM runs WHERE ended BETWEEN 1 AND ?", before); err != nil {
		return err
	}
	for kind, most := range map[Kind]int{Session: keepSessions, Attempt: keepAttempts} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM runs WHERE kind = ?1 AND ended > 0 AND
			id <= (SELECT id FROM runs WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`, kind, most); err != nil {
			return err
		}
	}
	return nil
}

// Orphans ends the runs of a tree that a process left open when it died. Only who holds
// the tree's journal may say so.
func (l *Ledger) Orphans(ctx context.Context, side Side, tree string) error {
	_, err := l.write.ExecContext(ctx, "UPDATE runs SET ended = ?, result = ?, fault = 'local', said = ? WHERE ended = 0 AND side = ? AND tree = ?",
		stamp(l.now()), Warning, []byte("the process ended without a word; noticed at the next start"), side, []byte(tree))
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// Asked says which runs are meant; what is zero does not matter.
type Asked struct {
	ID     int64
	City   string
	Tree   string
	Since  time.Time // goes on, or ended since
	Failed bool      // did not end well
	Most   int
}

// Runs lists what ran, the newest first.
func (l *Ledger) Runs(ctx context.Context, ask Asked) (runs []Run, err error) {
	where, args := []string{"1"}, []any{}
	must := func(on bool, condition string, arg ...any) {
		if on {
			where, args = append(where, condition), append(args, arg...)
		}
	}
	must(ask.ID != 0, "id = ?", ask.ID)
	must(ask.City != "", "city = ?", []byte(ask.City))
	must(ask.Tree != "", "tree = ?", []byte(ask.Tree))
	must(!ask.Since.IsZero(), "(ended = 0 OR ended >= ?)", stamp(ask.Since))
	must(ask.Failed, "result NOT IN ('', 'ok')")
	limit := -1
	if ask.Most > 0 {
		limit = ask.Most
	}
	rows, err := l.read.QueryContext(ctx, "SELECT id, "+columns+" FROM runs WHERE "+strings.Join(where, " AND ")+" ORDER BY began DESC, id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		runs = append(runs, r)
	}
	return runs, rows.Err()
}

func scanRun(rows *sql.Rows) (r Run, err error) {
	var began, ended int64
	var city, tree, remote, reason, said []byte
	err = rows.Scan(&r.ID, &r.Side, &r.Kind, &began, &city, &tree, &remote, &r.Mode, &reason, &r.Entries, &r.Bytes, &r.Tries, &ended, &r.Result, &r.Fault, &said)
	r.Began, r.At = at(began), at(ended)
	r.City, r.Tree, r.Remote, r.Reason, r.Said = string(city), string(tree), string(remote), string(reason), string(said)
	return r, err
}
