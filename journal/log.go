package journal

import (
	"context"
	"database/sql"
	"time"
)

const entryColumns = `e.seq, e.time, e.node, e.gone, e.parent, e.name, e.path, e.state, e.note, e.digest`

// Entries reads the log for people: up to limit entries after since, each as it
// was written. Beneath the floor the error is a [*CompactedError].
func (j *Journal) Entries(ctx context.Context, since Seq, limit int) (found []Entry, err error) {
	err = j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		if since < h.floor {
			return &CompactedError{since, h.floor}
		}
		rows, err := tx.QueryContext(ctx, "SELECT "+entryColumns+" FROM entries e WHERE seq > ? ORDER BY seq LIMIT ?", int64(since), limit)
		if err != nil {
			return wrap("read entries", err)
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEntry(rows)
			if err != nil {
				return err
			}
			found = append(found, e)
		}
		return wrap("read entries", rows.Err())
	})
	return found, err
}

func scanEntry(rows *sql.Rows, more ...any) (e Entry, err error) {
	var name, path, state, note, digest sql.RawBytes
	var at int64
	n := &e.Change.Node
	into := append([]any{&e.Seq, &at, &n.ID, &e.Change.Gone, &n.Parent, &name, &path, &state, &note, &digest}, more...)
	if err := rows.Scan(into...); err != nil {
		return Entry{}, wrap("read entry", err)
	}
	e.Time, n.Name, e.Path = time.Unix(0, at).UTC(), string(name), string(path)
	copy(e.Digest[:], digest)
	if len(note) > 0 {
		e.Note, err = decodeNote(note)
	} else if len(state) > 0 {
		err = decodeState(state, n)
	}
	return e, err
}
