package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// tx is the writer's transaction with what it remembers between them: the
// prepared statements, the head, and the directory rows on the way up from
// what changed lately.
type tx struct {
	ctx   context.Context // never ends: a transaction is short, and half of one is none
	conn  *sql.Conn
	stmts statements
	head  head
	saved head // as of the last commit

	dirs   dirs
	soiled []NodeID // directories whose row is not as it is in dirs

	fresh, entries bulk   // new rows of the two tables
	buf            []byte // encoded rows of this request
	args           []any  // values of one row

	newest NodeID // no row has this id or a higher one
	recent recent // what this transaction wrote
	before recent // what the last one wrote, until this one has written something

	nextID    func() NodeID
	now       time.Time
	keepAge   time.Duration
	keepCount int64
}

type statements struct {
	put, edit, editKeys, hide, sum, putHash, dropHash, drop, reparent *sql.Stmt
}

const reparent = "UPDATE nodes SET parent = ? WHERE parent = ? AND gone = 0"

func (t *tx) prepare(ctx context.Context, conn *sql.Conn, h head) error {
	t.ctx, t.conn, t.head, t.saved, t.newest = ctx, conn, h, h, h.nextID
	for _, s := range []struct {
		into *(*sql.Stmt)
		text string
	}{
		{&t.stmts.put, `INSERT INTO nodes (` + nodeColumns + `, gone) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
			parent=excluded.parent, name=excluded.name, seq=excluded.seq, key=excluded.key, link=excluded.link, line=excluded.line, gone=excluded.gone`},
		{&t.stmts.edit, `UPDATE nodes SET seq = ?, line = ? WHERE id = ?`},
		{&t.stmts.editKeys, `UPDATE nodes SET seq = ?, line = ?, key = ?, link = ? WHERE id = ?`},
		{&t.stmts.hide, `UPDATE nodes SET gone = 2 WHERE id = ?`},
		{&t.stmts.sum, `UPDATE nodes SET sum = ? WHERE id = ?`},
		{&t.stmts.putHash, `INSERT OR REPLACE INTO hashes VALUES (?,?,?)`},
		{&t.stmts.dropHash, `DELETE FROM hashes WHERE node = ?`},
		{&t.stmts.drop, `DELETE FROM nodes WHERE id = ?`},
		{&t.stmts.reparent, reparent},
	} {
		stmt, err := conn.PrepareContext(ctx, s.text)
		if err != nil {
			return wrap("prepare", err)
		}
		*s.into = stmt
	}
	if err := t.fresh.prepare(ctx, conn, "INSERT OR FAIL", "nodes", nodeColumns); err != nil {
		return err
	}
	return t.entries.prepare(ctx, conn, "INSERT OR REPLACE", "entries", entryColumns)
}

func (t *tx) close() error {
	s := &t.stmts
	return errors.Join(closeAll(s.put, s.edit, s.editKeys, s.hide, s.sum, s.putHash, s.dropHash, s.drop, s.reparent),
		t.fresh.close(), t.entries.close())
}

func closeAll(stmts ...*sql.Stmt) error {
	var errs []error
	for _, stmt := range stmts {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

func (t *tx) exec(what, text string, args ...any) error {
	_, err := t.conn.ExecContext(t.ctx, text, args...)
	return wrap(what, err)
}

func (t *tx) begin() error {
	t.now, t.before, t.recent = time.Now().UTC(), t.recent, recent{since: t.head.pos.Seq}
	return t.exec("begin", "BEGIN IMMEDIATE")
}

// rollback forgets everything since begin; the cached directory rows may hold
// some of it, so they go too.
func (t *tx) rollback() error {
	t.head, t.recent = t.saved, recent{}
	t.forget()
	t.fresh.forget()
	t.entries.forget()
	_, err := t.conn.ExecContext(t.ctx, "ROLLBACK")
	if err != nil && err.Error() == "cannot rollback - no transaction is active" {
		return nil // SQLite had rolled back by itself (disk full, say)
	}
	return wrap("rollback", err)
}

func (t *tx) commit() error {
	if err := t.saveSums(); err != nil {
		return err
	}
	t.head.nextID = max(t.head.nextID, t.newest, t.nextID())
	t.head.touched = t.now
	if err := t.exec("save head", saveHead, t.head.args()...); err != nil {
		return err
	}
	if err := t.exec("commit", "COMMIT"); err != nil {
		return err
	}
	t.saved = t.head
	if len(t.dirs) > maxDirs {
		t.forget()
	}
	return nil
}

// A request's encoded rows are kept in one piece of memory, up to so much of it
// from one request to the next.
const keepBuf = 256 << 10

// fresh memory for the next request: all that it encoded is in the tables.
func (t *tx) done() {
	t.before = recent{}
	if t.buf = t.buf[:0]; cap(t.buf) > keepBuf {
		t.buf = nil
	}
}

// encode writes a node's state where it stays until done.
func (t *tx) encode(n *Node) []byte {
	at := len(t.buf)
	t.buf = appendState(t.buf, n)
	return t.buf[at:len(t.buf):len(t.buf)]
}

func (t *tx) encodeLine(s *step) []byte {
	at := len(t.buf)
	t.buf = appendLine(t.buf, s)
	return t.buf[at:len(t.buf):len(t.buf)]
}
