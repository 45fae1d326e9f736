package journal

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// So many new rows go into the tables in one statement: most of what a small
// statement costs is the way to it.
const bulkRows = 32

// bulk gathers new rows of one table and inserts bulkRows of them at once.
type bulk struct {
	one, many, drop *sql.Stmt
	columns         int
	args            []any
}

// prepare takes the table's columns, its key first. A statement that may fail is OR
// FAIL: what it would take to undo its first rows is a copy of every page it touches.
func (b *bulk) prepare(ctx context.Context, conn *sql.Conn, insert, table, columns string) (err error) {
	b.columns = strings.Count(columns, ",") + 1
	row := "(" + strings.Repeat("?,", b.columns-1) + "?)"
	insert += " INTO " + table + " (" + columns + ") VALUES " + row
	if b.one, err = conn.PrepareContext(ctx, insert); err != nil {
		return wrap("prepare", err)
	}
	key, _, _ := strings.Cut(columns, ",")
	if b.drop, err = conn.PrepareContext(ctx, "DELETE FROM "+table+" WHERE "+key+" = ?"); err != nil {
		return wrap("prepare", err)
	}
	b.many, err = conn.PrepareContext(ctx, insert+strings.Repeat(","+row, bulkRows-1))
	return wrap("prepare", err)
}

func (b *bulk) close() error { return closeAll(b.one, b.many, b.drop) }

func (b *bulk) add(args ...any) error {
	b.args = append(b.args, args...)
	if len(b.args) < bulkRows*b.columns {
		return nil
	}
	if _, err := b.many.Exec(b.args...); err != nil {
		return errors.Join(b.blame(), wrap("insert rows", err))
	}
	b.forget()
	return nil
}

// blame inserts one by one what failed as one, which says which row it was.
func (b *bulk) blame() error {
	for at := 0; at < len(b.args); at += b.columns {
		if _, err := b.drop.Exec(b.args[at]); err != nil {
			return wrap("insert rows", err)
		}
	}
	return b.flush()
}

// flush inserts what is left.
func (b *bulk) flush() error {
	defer b.forget()
	for at := 0; at < len(b.args); at += b.columns {
		row := b.args[at : at+b.columns]
		if _, err := b.one.Exec(row...); err != nil {
			return &refusal{row: append([]any(nil), row...), err: wrap("insert row", err)}
		}
	}
	return nil
}

func (b *bulk) forget() {
	clear(b.args)
	b.args = b.args[:0]
}

// refusal is a row that a table did not take, as the values of its columns.
type refusal struct {
	row []any
	err error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// The columns of a new row, in the order of their values; sum comes with saveSums.
const (
	nodeColumns  = "id, parent, name, seq, key, link, line"
	entryColumns = "seq, node, stamp, line"
)

func (t *tx) row(s *step) []any {
	n := s.node()
	key := int64(0)
	if !s.change.Gone {
		key = t.key(n, s.seen())
	}
	t.newest = max(t.newest, n.ID+1)
	return append(t.args[:0], int64(n.ID), int64(n.Parent), []byte(n.Name), int64(s.seq), key, int64(n.Link), t.encodeLine(s))
}

// key is what this role searches by: the inode on a capitol, which finds what
// has moved; the content's digest on a city, which finds what it has.
func (t *tx) key(n *Node, seen *Seen) int64 {
	switch {
	case t.head.role == Capitol:
		return int64(seen.Ino)
	case n.Kind == File:
		return digestKey(n.Body.Digest)
	}
	return 0
}

// insert puts the row of a new node in, with others.
func (t *tx) insert(s *step) error {
	if err := t.fresh.add(t.row(s)...); err != nil {
		return err
	}
	return t.putHash(s)
}

// edit writes the row of a node that keeps its name: the index of names is not touched.
func (t *tx) edit(s *step) error {
	n, key := s.node(), t.key(s.node(), s.seen())
	var err error
	if key == t.key(&s.old.Node, &s.old.Seen) && n.Link == s.old.Node.Link {
		_, err = t.stmts.edit.Exec(int64(s.seq), t.encodeLine(s), int64(n.ID))
	} else {
		_, err = t.stmts.editKeys.Exec(int64(s.seq), t.encodeLine(s), key, int64(n.Link), int64(n.ID))
	}
	if err != nil {
		return wrap("edit node", err)
	}
	return t.putHash(s)
}

// put writes a whole row. Its name must be free by now, see detach.
func (t *tx) put(s *step) error {
	row := append(t.row(s), s.change.Gone)
	if _, err := t.stmts.put.Exec(row...); err != nil {
		return &refusal{row: append([]any(nil), row...), err: wrap("put node", err)}
	}
	return t.putHash(s)
}

func (t *tx) putHash(s *step) (err error) {
	id, seen := int64(s.change.Node.ID), s.seen()
	switch {
	case len(seen.HashState) > 0:
		_, err = t.stmts.putHash.Exec(id, seen.HashState, int64(seen.Tail))
	case s.old != nil && s.old.hashed:
		_, err = t.stmts.dropHash.Exec(id)
	}
	return wrap("put hash state", err)
}

// explain says of a refused name who has it.
func (t *tx) explain(err error) error {
	var r *refusal
	if !errors.As(err, &r) || !isConstraint(err) {
		return err
	}
	taken := &NameTakenError{Parent: NodeID(r.row[1].(int64)), Name: string(r.row[2].([]byte)), Node: NodeID(r.row[0].(int64))}
	holder, missing := oneStored(t.ctx, t.conn, atName, int64(taken.Parent), []byte(taken.Name))
	if missing != nil {
		return errors.Join(err, missing)
	}
	taken.Holder, taken.Path = holder.Node.ID, taken.Name
	if path, ok, err := t.placed(taken.Parent, taken.Name); err == nil && ok {
		taken.Path = path
	}
	return taken
}
