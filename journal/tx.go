package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// tx is the writer's transaction with what it remembers between them: the
// prepared statements, the head, and the directory rows on the way up from
// what changed lately.
type tx struct {
	conn  *sql.Conn
	stmts statements
	head  head
	saved head // as of the last commit
	dirs  dirs

	newest NodeID // no row has this id or a higher one

	nextID    func() NodeID
	now       time.Time
	keepAge   time.Duration
	keepCount int64
}

type statements struct {
	node, put, hide, sum, putHash, dropHash, entry *sql.Stmt
	drop, reparent                                 *sql.Stmt
}

func (t *tx) prepare(ctx context.Context, conn *sql.Conn, h head) error {
	t.conn, t.head, t.saved, t.newest = conn, h, h, h.nextID
	for _, s := range []struct {
		into *(*sql.Stmt)
		text string
	}{
		{&t.stmts.node, `SELECT ` + storedColumns + ` FROM nodes n WHERE id = ?`},
		{&t.stmts.put, `INSERT INTO nodes (id, parent, name, gone, seq, body_seq, place_seq, born, state, ino, seen, link, key)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET parent=excluded.parent, name=excluded.name, gone=excluded.gone,
			seq=excluded.seq, body_seq=excluded.body_seq, place_seq=excluded.place_seq, born=excluded.born, state=excluded.state, ino=excluded.ino,
			seen=excluded.seen, link=excluded.link, key=excluded.key`},
		{&t.stmts.hide, `UPDATE nodes SET gone = 2 WHERE id = ?`},
		{&t.stmts.sum, `UPDATE nodes SET sum = ? WHERE id = ?`},
		{&t.stmts.putHash, `INSERT OR REPLACE INTO hashes VALUES (?,?,?)`},
		{&t.stmts.dropHash, `DELETE FROM hashes WHERE node = ?`},
		{&t.stmts.entry, `INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?,?,?,?,?,?)`},
		{&t.stmts.drop, `DELETE FROM nodes WHERE id = ?`},
		{&t.stmts.reparent, `UPDATE nodes SET parent = ? WHERE parent = ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, s.text)
		if err != nil {
			return wrap("prepare", err)
		}
		*s.into = stmt
	}
	return nil
}

func (t *tx) close() error {
	var errs []error
	s := &t.stmts
	for _, stmt := range []*sql.Stmt{s.node, s.put, s.hide, s.sum, s.putHash, s.dropHash, s.entry, s.drop, s.reparent} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

func (t *tx) exec(what, text string) error {
	_, err := t.conn.ExecContext(context.Background(), text)
	return wrap(what, err)
}

func (t *tx) begin() error {
	t.now = time.Now().UTC()
	return t.exec("begin", "BEGIN IMMEDIATE")
}

// rollback forgets everything since begin; the cached directory rows may hold
// some of it, so they go too.
func (t *tx) rollback() error {
	t.head = t.saved
	t.dirs = nil
	_, err := t.conn.ExecContext(context.Background(), "ROLLBACK")
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
	if _, err := t.conn.ExecContext(context.Background(), saveHead, t.head.args()...); err != nil {
		return wrap("save head", err)
	}
	if err := t.exec("commit", "COMMIT"); err != nil {
		return err
	}
	t.saved = t.head
	t.dirs.trim()
	return nil
}

// load reads a row of any kind, live or not.
func (t *tx) load(id NodeID) (Stored, bool, error) {
	s, err := scanStored(t.stmts.node.QueryRow(int64(id)))
	if errors.Is(err, ErrNotFound) {
		return Stored{}, false, nil
	}
	return s, err == nil, err
}

// put writes a row. Its name must be free by now, see hide.
func (t *tx) put(s *Stored, state []byte) error {
	var buf [64]byte
	gone, ino, key := 0, s.Seen.Ino, int64(0)
	if s.Gone {
		gone, ino = 1, 0
	} else if s.Node.Kind == File {
		key = digestKey(s.Node.Body.Digest)
	}
	n := &s.Node
	t.newest = max(t.newest, n.ID+1)
	_, err := t.stmts.put.Exec(int64(n.ID), int64(n.Parent), []byte(n.Name), gone, int64(s.Seq), int64(s.BodySeq), int64(s.PlaceSeq), int64(s.born),
		state, int64(ino), appendSeen(buf[:0], &s.Seen), int64(n.Link), key)
	if err != nil {
		return wrap(fmt.Sprintf("put node %d %q", n.ID, n.Name), err)
	}
	return t.putHash(s)
}

func (t *tx) putHash(s *Stored) (err error) {
	switch {
	case len(s.Seen.HashState) > 0 && !s.Gone:
		_, err = t.stmts.putHash.Exec(int64(s.Node.ID), s.Seen.HashState, int64(s.Seen.Tail))
	case s.hashed:
		_, err = t.stmts.dropHash.Exec(int64(s.Node.ID))
	}
	return wrap("put hash state", err)
}

func (t *tx) logEntry(e *Entry, state []byte) error {
	var note []byte
	if e.Note != nil {
		note = appendNote(nil, e.Note)
	}
	if state == nil {
		state = []byte{}
	}
	n := &e.Change.Node
	_, err := t.stmts.entry.Exec(int64(e.Seq), e.Time.UnixNano(), int64(n.ID), e.Change.Gone, int64(n.Parent), []byte(n.Name),
		[]byte(e.Path), state, note, e.Digest[:])
	return wrap("log entry", err)
}
