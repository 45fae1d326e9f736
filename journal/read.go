package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// What is looked for among the nodes; each has an index, see [schema].
const (
	atName        = "parent = ? AND name = ? AND gone = 0"
	childrenOf    = "parent = ? AND gone = 0 ORDER BY name"
	childrenAfter = "parent = ? AND name > ? AND gone = 0 ORDER BY name"
	byKey         = "key = ? AND key != 0 AND gone = 0"
	byLink        = "link = ? AND link != 0 AND gone = 0"
	nodesAfter    = "id > ? AND gone = 0 ORDER BY id LIMIT ?"
)

// Node reads one row with its hash state, a tombstone too (Gone says so).
func (j *Journal) Node(ctx context.Context, id NodeID) (Stored, error) {
	if s, ok := j.recently(func(n *Node) bool { return n.ID == id }); ok {
		return s, nil
	}
	s, err := nodeIn(ctx, j.readers, id)
	if err != nil || s.Gone || !s.hashed {
		return s, j.judge(err)
	}
	return s, j.judge(j.readHash(ctx, &s))
}

func nodeIn(ctx context.Context, q querier, id NodeID) (Stored, error) {
	return oneStored(ctx, q, "id = ?", int64(id))
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
	if s, ok := j.recently(func(n *Node) bool { return n.Parent == parent && n.Name == name }); ok {
		return s, nil
	}
	s, err := lookupIn(ctx, j.readers, parent, name)
	if err != nil || !s.hashed {
		return s, j.judge(err)
	}
	return s, j.judge(j.readHash(ctx, &s))
}

func lookupIn(ctx context.Context, q querier, parent NodeID, name string) (Stored, error) {
	return oneStored(ctx, q, atName, int64(parent), []byte(name))
}

// Children lists the live nodes of a directory by name, ascending as bytes,
// without their hash states.
func (j *Journal) Children(ctx context.Context, parent NodeID) ([]Stored, error) {
	found, err := childrenIn(ctx, j.readers, nil, parent, "", packRows)
	if err != nil || len(found) < packRows {
		return found, j.judge(err)
	}
	err = j.snapshot(ctx, func(tx *sql.Tx, _ head) error { // several reads have to see one state
		found = found[:0]
		var part []Stored
		for after, more := "", true; more; {
			part, err = childrenIn(ctx, tx, part, parent, after, packRows)
			if err != nil {
				return err
			}
			found = append(found, part...)
			if more = len(part) == packRows; more {
				after = part[len(part)-1].Node.Name
			}
		}
		return nil
	})
	return found, err
}

func childrenIn(ctx context.Context, q querier, found []Stored, parent NodeID, after string, limit int) ([]Stored, error) {
	where, args := childrenOf, []any{int64(parent), limit}
	if after != "" {
		where, args = childrenAfter, []any{int64(parent), []byte(after), limit}
	}
	found, _, err := selectStored(ctx, q, found, where+" LIMIT ?", args...)
	return found, err
}

// ByInode finds the live nodes that were last seen with that inode. Only a
// capitol's journal can tell.
func (j *Journal) ByInode(ctx context.Context, ino uint64) ([]Stored, error) {
	if j.started.role != Capitol {
		return nil, fmt.Errorf("%w: only a capitol knows nodes by inode", ErrRole)
	}
	return j.reachable(ctx, byKey+" LIMIT -1", int64(ino))
}

// ByLink lists the live nodes of a hard-link group.
func (j *Journal) ByLink(ctx context.Context, link NodeID) ([]Stored, error) {
	return j.reachable(ctx, byLink+" LIMIT -1", int64(link))
}

// ByDigest lists some live files with those bytes. Only a city's journal can tell.
func (j *Journal) ByDigest(ctx context.Context, d Digest) ([]Stored, error) {
	if j.started.role != City {
		return nil, fmt.Errorf("%w: only a city knows nodes by digest", ErrRole)
	}
	found, err := j.reachable(ctx, byKey+" LIMIT 16", digestKey(d))
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
func (j *Journal) ScanFrom(ctx context.Context, after NodeID, limit int) (found []Stored, err error) {
	for more := true; more && len(found) < limit; {
		part, _, err := scanIn(ctx, j.readers, after, min(limit-len(found), packRows))
		if err != nil {
			return nil, j.judge(err)
		}
		found = append(found, part...)
		if more = len(part) > 0; more {
			after = part[len(part)-1].Node.ID
		}
	}
	return found, nil
}

func scanIn(ctx context.Context, q querier, after NodeID, limit int) ([]Stored, int, error) {
	return selectStored(ctx, q, nil, nodesAfter, int64(after), limit)
}

// reachable is selectStored without what lies beneath a removed directory.
func (j *Journal) reachable(ctx context.Context, where string, args ...any) ([]Stored, error) {
	found, _, err := selectStored(ctx, j.readers, nil, where, args...)
	if err != nil {
		return nil, j.judge(err)
	}
	live := found[:0]
	for _, s := range found {
		switch _, err := pathIn(ctx, j.readers, s.Node); {
		case err == nil:
			live = append(live, s)
		case !errors.Is(err, ErrNotFound):
			return nil, j.judge(err)
		}
	}
	return live, nil
}

// Path derives a live node's path, relative to the tree, "" for the root. A
// node that is gone, parked, or beneath either, has none: ErrNotFound.
func (j *Journal) Path(ctx context.Context, id NodeID) (string, error) {
	s, err := nodeIn(ctx, j.readers, id)
	if err != nil {
		return "", fmt.Errorf("path of node %d: %w", id, j.judge(err))
	}
	if s.Gone {
		return "", fmt.Errorf("path of node %d: %w", id, ErrNotFound)
	}
	path, err := pathIn(ctx, j.readers, s.Node)
	return path, j.judge(err)
}

func pathIn(ctx context.Context, q querier, n Node) (string, error) {
	if n.ID == Root {
		return "", nil
	}
	var above map[NodeID]*Stored
	if n.Parent != Root {
		var err error
		if above, err = ancestors(ctx, q, []NodeID{n.Parent}); err != nil {
			return "", err
		}
	}
	path, id := n.Name, n.Parent
	for range len(above) + 1 {
		if id == Root {
			return path, nil
		}
		s := above[id]
		if s == nil || s.Gone || s.Node.Kind != Dir {
			break
		}
		path, id = s.Node.Name+"/"+path, s.Node.Parent
	}
	return "", fmt.Errorf("path of node %d through %d: %w: it has no place", n.ID, id, ErrNotFound)
}

// Resolve finds the live node at a path relative to the tree; "" and "." are the root.
func (j *Journal) Resolve(ctx context.Context, path string) (Stored, error) {
	s, err := resolveIn(ctx, j.readers, path)
	if err != nil {
		return Stored{}, fmt.Errorf("resolve %q: %w", path, j.judge(err))
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
	j.reads.Add(1)
	tx, err := j.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return wrap("begin read", err)
	}
	defer tx.Rollback()
	h, err := scanHead(tx.QueryRowContext(ctx, selectHead))
	if err != nil {
		return j.judge(err)
	}
	return j.judge(read(tx, h))
}
