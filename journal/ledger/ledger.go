package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hydrasync/hydrasync/journal"
	"github.com/mattn/go-sqlite3"
)

// Name is the file in a machine's state folder.
const Name = "ledger.db"

// schemaVersion is kept in SQLite's user_version. A file with a higher one is
// refused with [journal.ErrNewer]; a lower one is brought forward, step by step.
const schemaVersion = 3

// steps[n] brings a file of version n to version n+1. Times are ns since 1970,
// 0 for never; names of cities are ASCII, see [ValidCity].
var steps = [schemaVersion]string{`
CREATE TABLE self (
	one   INTEGER PRIMARY KEY CHECK (one = 1),
	node  TEXT NOT NULL
);
CREATE TABLE cities (
	name     TEXT PRIMARY KEY,
	hash     BLOB NOT NULL UNIQUE,
	grants   BLOB NOT NULL,
	created  INTEGER NOT NULL,
	rotated  INTEGER NOT NULL DEFAULT 0,
	revoked  INTEGER NOT NULL DEFAULT 0,
	seen     INTEGER NOT NULL DEFAULT 0,
	remote   TEXT NOT NULL DEFAULT '',
	version  TEXT NOT NULL DEFAULT ''
);
CREATE TABLE invites (
	hash       BLOB PRIMARY KEY,
	city       TEXT NOT NULL,
	grants     BLOB,
	made       INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	used       INTEGER NOT NULL DEFAULT 0,
	withdrawn  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE serving (
	listen  TEXT PRIMARY KEY,
	since   INTEGER NOT NULL,
	line    BLOB NOT NULL
)`, `
CREATE TABLE runs (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	side      TEXT NOT NULL,
	kind      TEXT NOT NULL,
	began     INTEGER NOT NULL,
	city      BLOB NOT NULL,
	tree      BLOB NOT NULL,
	remote    BLOB NOT NULL,
	mode      TEXT NOT NULL,
	reason    BLOB NOT NULL,
	entries   INTEGER NOT NULL,
	bytes     INTEGER NOT NULL,
	attempts  INTEGER NOT NULL,
	ended     INTEGER NOT NULL,
	result    TEXT NOT NULL,
	fault     TEXT NOT NULL,
	said      BLOB NOT NULL
);
CREATE INDEX runs_kind ON runs (kind, id);
CREATE INDEX runs_ended ON runs (ended)`, `
CREATE TABLE reports (
	teller  BLOB NOT NULL,
	id      BLOB NOT NULL,
	lost    INTEGER NOT NULL,
	line    BLOB NOT NULL,
	PRIMARY KEY (teller, id)
) WITHOUT ROWID`}

// Ledger is an open ledger.db. All methods may be called at once.
type Ledger struct {
	write *sql.DB // one connection: writers wait for each other here, not in SQLite
	read  *sql.DB
	node  string
	now   func() time.Time
}

// Open opens the ledger in a state folder, and makes it where there is none.
func Open(ctx context.Context, folder string) (*Ledger, error) {
	path := filepath.Join(folder, Name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	// SQLite gives its files the mode of the first: others may not read it.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{now: time.Now}
	if l.write, err = open(path, "_txlock=immediate&_synchronous=FULL", 1); err != nil {
		return nil, err
	}
	if l.read, err = open(path, "_query_only=1", 2); err != nil {
		return nil, errors.Join(err, l.write.Close())
	}
	if err := l.prepareOnce(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), l.Close())
	}
	return l, nil
}

func open(path, params string, most int) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_busy_timeout=10000&_journal_mode=WAL&_cache_size=-64&"+params)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(1)
	return db, nil
}

// Close may be called twice.
func (l *Ledger) Close() error { return errors.Join(l.read.Close(), l.write.Close()) }

// Node is this machine's id: random, and the same for ever.
func (l *Ledger) Node() string { return l.node }

// prepareTime is how long others may be at it.
const prepareTime = 10 * time.Second

// prepareOnce waits for others who make the same file: whoever turns it to WAL finds
// it locked at once, whatever the busy timeout, while another does so.
func (l *Ledger) prepareOnce(ctx context.Context) error {
	for until := time.Now().Add(prepareTime); ; {
		err := l.prepare(ctx)
		var code sqlite3.Error
		if !errors.As(err, &code) || code.Code != sqlite3.ErrBusy || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// prepare makes the tables, all or none.
func (l *Ledger) prepare(ctx context.Context) error {
	return l.change(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > schemaVersion {
			return fmt.Errorf("%w: version %d, this program knows %d", journal.ErrNewer, version, schemaVersion)
		}
		for ; version < schemaVersion; version++ {
			if _, err := tx.ExecContext(ctx, steps[version]+fmt.Sprintf("; PRAGMA user_version=%d", version+1)); err != nil {
				return err
			}
		}
		var id [16]byte
		rand.Read(id[:])
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO self VALUES (1, ?)", hex.EncodeToString(id[:])); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT node FROM self").Scan(&l.node)
	})
}

// change runs do in a transaction that others wait for.
func (l *Ledger) change(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func at(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
