package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"time"
)

// schemaVersion is kept in SQLite's user_version. A higher one in the file is
// refused with [ErrNewer]; a lower one is brought forward by a step a version.
// Version 1 was never released, there is no step from it.
const schemaVersion = 2

// maxVersion: no program will ever write a higher one; a flipped bit may.
const maxVersion = 999

// The tables. Names and paths are bytes, so BLOB.
//
// nodes.gone is 0 for a live node and 1 for a tombstone (kept until the entry
// that made it is compacted); inside one transaction 2 marks a row whose name
// is about to change, so that two names can swap under the unique index.
// nodes.key is what the role searches by: the inode on a capitol, the start of
// the content's digest on a city. nodes.line and entries.line hold all that is
// not searched for; nodes.sum is a directory's Beneath. Notes have node 0.
const schema = `
CREATE TABLE head (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	role     INTEGER NOT NULL,
	epoch    BLOB NOT NULL,
	seq      INTEGER NOT NULL,
	digest   BLOB NOT NULL,
	next_id  INTEGER NOT NULL,
	floor    INTEGER NOT NULL,
	clean    INTEGER NOT NULL,
	touched  INTEGER NOT NULL
);
CREATE TABLE nodes (
	id     INTEGER PRIMARY KEY,
	parent INTEGER NOT NULL,
	name   BLOB NOT NULL,
	gone   INTEGER NOT NULL DEFAULT 0,
	seq    INTEGER NOT NULL,
	key    INTEGER NOT NULL,
	link   INTEGER NOT NULL,
	line   BLOB NOT NULL,
	sum    BLOB
);
CREATE UNIQUE INDEX nodes_name ON nodes (parent, name) WHERE gone = 0;
CREATE INDEX nodes_key ON nodes (key) WHERE gone = 0 AND key != 0;
CREATE INDEX nodes_link ON nodes (link) WHERE link != 0;
CREATE INDEX nodes_gone ON nodes (seq) WHERE gone = 1;
CREATE TABLE hashes (
	node  INTEGER PRIMARY KEY,
	state BLOB NOT NULL,
	tail  INTEGER NOT NULL
);
CREATE TABLE entries (
	seq   INTEGER PRIMARY KEY,
	node  INTEGER NOT NULL,
	stamp BLOB NOT NULL,
	line  BLOB NOT NULL
);
CREATE TABLE purge (dir INTEGER PRIMARY KEY)`

// The writer keeps a larger page cache than a reader: it descends the index of
// names for every change. Both are kibibytes, small enough that capitol and
// city together stay in tens of megabytes.
const (
	writerCacheKiB = 4096
	readerCacheKiB = 1024
	// Prepared statements that a connection keeps: there are not many more
	// different ones, and preparing costs more than a lookup.
	connStatements = 24
	// Pages of 4 KiB after which SQLite moves the WAL into the database.
	checkpointPages = 2000
	walLimit        = 64 << 20
)

func dsn(path, params string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_busy_timeout=5000&_mutex=no&" + params
}

func openWriter(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, fmt.Sprintf("_journal_mode=WAL&_synchronous=FULL&_cache_size=-%d&_stmt_cache_size=%d", writerCacheKiB, connStatements)))
	if err != nil {
		return nil, wrap("open writer", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func openReader(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, fmt.Sprintf("mode=ro&_query_only=1&_cache_size=-%d&_stmt_cache_size=%d", readerCacheKiB, connStatements)))
	if err != nil {
		return nil, wrap("open reader", err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	return db, nil
}

// prepareFile makes the tables in a new file, and checks and repairs an
// old one's version. It runs in one transaction: a crash leaves the file as it was.
func prepareFile(ctx context.Context, conn *sql.Conn, role Role) error {
	for _, pragma := range []string{
		"PRAGMA auto_vacuum=INCREMENTAL", // counts only before the first table
		fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", checkpointPages),
		fmt.Sprintf("PRAGMA journal_size_limit=%d", walLimit),
		"PRAGMA temp_store=MEMORY", // or names would pass through /var/tmp
	} {
		if _, err := conn.ExecContext(ctx, pragma); err != nil {
			return wrap(pragma, err)
		}
	}
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return wrap("read version", err)
	}
	switch {
	case version > schemaVersion && version <= maxVersion:
		return fmt.Errorf("%w: version %d, this program knows %d", ErrNewer, version, schemaVersion)
	case version == 0:
		return createTables(ctx, conn, role)
	case version < 0 || version > maxVersion:
		return fmt.Errorf("%w: version %d", ErrDamaged, version)
	case version < schemaVersion:
		return fmt.Errorf("version %d is from before the first release: remove the file, and cities compare anew", version)
	}
	return nil
}

func createTables(ctx context.Context, conn *sql.Conn, role Role) error {
	script := "BEGIN IMMEDIATE;" + schema + fmt.Sprintf("; PRAGMA user_version=%d;", schemaVersion)
	if _, err := conn.ExecContext(ctx, script); err != nil {
		conn.ExecContext(ctx, "ROLLBACK")
		return wrap("create tables", err) // they are there, if the version was damaged
	}
	var epoch Epoch
	if role == Capitol {
		rand.Read(epoch[:])
	}
	_, err := conn.ExecContext(ctx, `INSERT INTO head VALUES (1, ?, ?, 0, ?, ?, 0, 1, ?)`,
		role, epoch[:], make([]byte, len(Digest{})), int64(Root)+1, time.Now().UnixNano())
	if err != nil {
		conn.ExecContext(ctx, "ROLLBACK")
		return wrap("create head", err)
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return wrap("create tables", err)
}
