package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// querier is what a read transaction and the pool of readers share.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// Node reads one row with its hash state, a tombstone too (Gone says so).
func (j *Journal) Node(ctx context.Context, id NodeID) (Stored, error) {
	s, err := nodeIn(ctx, j.readers, id)
	if err != nil || s.Node.Kind != File || s.Gone {
		return s, err
	}
	return s, j.readHash(ctx, &s)
}

func nodeIn(ctx context.Context, q querier, id NodeID) (Stored, error) {
	return scanStored(q.QueryRowContext(ctx, "SELECT "+storedColumns+" FROM nodes n WHERE id = ?", int64(id)))
}

func (j *Journal) readHash(ctx context.Context, s *Stored) error {
	var tail int64
	row := j.readers.QueryRowContext(ctx, "SELECT state, tail FROM hashes WHERE node = ?", int64(s.Node.ID))
	if err := row.Scan(&s.Seen.HashState, &tail); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return wrap("read hash state", err)
	}
	s.Seen.Tail = uint64(tail)
	return nil
}

// Lookup finds the live node of that name in a directory, with its hash state.
// The directory itself may be unreachable by now; [Journal.Path] tells.
func (j *Journal) Lookup(ctx context.Context, parent NodeID, name string) (Stored, error) {
	s, err := lookupIn(ctx, j.readers, parent, name)
	if err != nil || s.Node.Kind != File {
		return s, err
	}
	return s, j.readHash(ctx, &s)
}

func lookupIn(ctx context.Context, q querier, parent NodeID, name string) (Stored, error) {
	return scanStored(q.QueryRowContext(ctx,
		"SELECT "+storedColumns+" FROM nodes n WHERE parent = ? AND name = ? AND gone = 0", int64(parent), []byte(name)))
}

// Children lists the live nodes of a directory by name, ascending as bytes,
// without their hash states.
func (j *Journal) Children(ctx context.Context, parent NodeID) ([]Stored, error) {
	return selectStored(ctx, j.readers, "parent = ? AND gone = 0 ORDER BY name", int64(parent))
}

// ByInode finds the live nodes that were last seen with that inode. Only a
// capitol's journal has the index for it; elsewhere it reads every row.
func (j *Journal) ByInode(ctx context.Context, ino uint64) ([]Stored, error) {
	if ino == 0 {
		return nil, nil
	}
	return j.reachable(ctx, "ino = ? AND gone = 0", int64(ino))
}

// ByLink lists the live nodes of a hard-link group.
func (j *Journal) ByLink(ctx context.Context, link NodeID) ([]Stored, error) {
	if link == 0 {
		return nil, nil
	}
	return j.reachable(ctx, "link = ? AND link != 0 AND gone = 0", int64(link))
}

// ByDigest lists live files with those bytes. Only a city's journal has the
// index for it; elsewhere it reads every row.
func (j *Journal) ByDigest(ctx context.Context, d Digest) ([]Stored, error) {
	found, err := j.reachable(ctx, "key = ? AND gone = 0 AND key != 0 LIMIT 16", digestKey(d))
	same := found[:0]
	for _, s := range found {
		if s.Node.Body.Digest == d {
			same = append(same, s)
		}
	}
	return same, err
}

// ScanFrom lists up to limit live nodes with ids above after, ascending; stale
// nodes have negative ids. It reaches rows beneath removed directories too.
func (j *Journal) ScanFrom(ctx context.Context, after NodeID, limit int) ([]Stored, error) {
	return selectStored(ctx, j.readers, "id > ? AND gone = 0 ORDER BY id LIMIT ?", int64(after), limit)
}

// reachable is selectStored without what lies beneath a removed directory.
func (j *Journal) reachable(ctx context.Context, where string, args ...any) ([]Stored, error) {
	found, err := selectStored(ctx, j.readers, where, args...)
	if err != nil {
		return nil, err
	}
	live := found[:0]
	for _, s := range found {
		switch _, err := pathIn(ctx, j.readers, s.Node); {
		case err == nil:
			live = append(live, s)
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return live, nil
}

func selectStored(ctx context.Context, q querier, where string, args ...any) ([]Stored, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+storedColumns+" FROM nodes n WHERE "+where, args...)
	if err != nil {
		return nil, wrap("read nodes", err)
	}
	defer rows.Close()
	var found []Stored
	for rows.Next() {
		s, err := scanStored(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, wrap("read nodes", rows.Err())
}

// Path derives a live node's path, relative to the tree, "" for the root. A
// node that is gone, parked, or beneath either, has none: ErrNotFound.
func (j *Journal) Path(ctx context.Context, id NodeID) (string, error) {
	s, err := nodeIn(ctx, j.readers, id)
	if err != nil {
		return "", fmt.Errorf("path of node %d: %w", id, err)
	}
	if s.Gone {
		return "", fmt.Errorf("path of node %d: %w", id, ErrNotFound)
	}
	return pathIn(ctx, j.readers, s.Node)
}

func pathIn(ctx context.Context, q querier, n Node) (string, error) {
	if n.ID == Root {
		return "", nil
	}
	path := n.Name
	for hops := 0; n.Parent != Root; hops++ {
		if n.Parent == Parked || hops > maxDepth {
			return "", fmt.Errorf("path of node %d: %w: it has no place", n.ID, ErrNotFound)
		}
		s, err := nodeIn(ctx, q, n.Parent)
		if err != nil || s.Gone || s.Node.Kind != Dir {
			return "", fmt.Errorf("path through node %d: %w", n.Parent, cmp.Or(err, ErrNotFound))
		}
		n = s.Node
		path = n.Name + "/" + path
	}
	return path, nil
}

// Resolve finds the live node at a path relative to the tree; "" and "." are the root.
func (j *Journal) Resolve(ctx context.Context, path string) (Stored, error) {
	s, err := resolveIn(ctx, j.readers, path)
	if err != nil {
		return Stored{}, fmt.Errorf("resolve %q: %w", path, err)
	}
	return s, nil
}

func resolveIn(ctx context.Context, q querier, path string) (Stored, error) {
	s, err := nodeIn(ctx, q, Root)
	for name := range strings.SplitSeq(path, "/") {
		if err != nil || name == "" || name == "." {
			continue
		}
		s, err = lookupIn(ctx, q, s.Node.ID, name)
	}
	return s, err
}

// snapshot runs read on one state of the file: head and rows belong together.
func (j *Journal) snapshot(ctx context.Context, read func(*sql.Tx, head) error) error {
	tx, err := j.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return wrap("begin read", err)
	}
	defer tx.Rollback()
	h, err := scanHead(tx.QueryRowContext(ctx, selectHead))
	if err != nil {
		return err
	}
	return read(tx, h)
}
