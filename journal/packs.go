package journal

import (
	"context"
	"database/sql"
	"strconv"
)

// How many rows are read as one. Larger packs are hardly faster, and each is
// held in memory twice while it is read.
const packRows = 256

// A reader stops after a pack when it holds so many bytes: rows with large
// attributes must not add up.
const packBytes = 4 << 20

// querier is what a read transaction and the pool of readers share.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// packed makes a query of many rows return one: the values of expr, one after
// another, as bytes, of the rows of inner in their order.
func packed(expr, inner string) string {
	return "SELECT CAST(group_concat(" + expr + ", '') AS BLOB) FROM (" + inner + ")"
}

// pack runs a query of at most one row with one value and lends its bytes to
// read; without a row, or with none in the pack, read is not called.
func pack(ctx context.Context, q querier, read func([]byte) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return wrap("read journal", err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return wrap("read journal", err)
		}
		if len(raw) == 0 {
			continue
		}
		if err := read(raw); err != nil {
			return err
		}
	}
	return wrap("read journal", rows.Err())
}

// selectStored reads the rows of "SELECT … WHERE where" as one pack, so where
// has a limit, into the memory of found. It also says how many bytes they were.
func selectStored(ctx context.Context, q querier, found []Stored, where string, args ...any) (_ []Stored, size int, err error) {
	found = found[:0]
	err = pack(ctx, q, func(raw []byte) error {
		size = len(raw)
		d := decoder{b: raw}
		for len(d.b) > 0 {
			found = append(found, Stored{})
			d.row(&found[len(found)-1])
		}
		return d.end("nodes")
	}, packed(packedRow, "SELECT * FROM nodes WHERE "+where), args...)
	return found, size, err
}

// oneStored reads one row.
func oneStored(ctx context.Context, q querier, where string, args ...any) (s Stored, err error) {
	err = ErrNotFound
	failed := pack(ctx, q, func(raw []byte) error {
		d := decoder{b: raw}
		d.row(&s)
		err = d.end("node")
		return nil
	}, "SELECT CAST("+packedRow+" AS BLOB) FROM nodes WHERE "+where, args...)
	if failed != nil {
		err = failed
	}
	return s, err
}

// Any number of ids as one argument of a query.
const amongIDs = "id IN (SELECT value FROM json_each(?))"

func listIDs(ids []NodeID) string {
	b := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, ']'))
}

// climb is all directories from some up to the root; a circle ends by itself.
const climb = `WITH RECURSIVE up(id) AS (
	SELECT value FROM json_each(?) UNION SELECT nodes.parent FROM up JOIN nodes ON nodes.id = up.id WHERE nodes.parent != 0)
	SELECT nodes.* FROM up JOIN nodes ON nodes.id = up.id`

// ancestors reads the rows of the given ids and of all directories above them.
func ancestors(ctx context.Context, q querier, ids []NodeID) (rows map[NodeID]*Stored, err error) {
	rows = make(map[NodeID]*Stored, 2*len(ids))
	err = pack(ctx, q, func(raw []byte) error {
		d := decoder{b: raw}
		for len(d.b) > 0 {
			s := new(Stored)
			d.row(s)
			rows[s.Node.ID] = s
		}
		return d.end("directories")
	}, packed(packedRow, climb), listIDs(ids))
	return rows, err
}
