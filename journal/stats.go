package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Stats are figures for people; what they cost does not grow with the tree.
type Stats struct {
	Role     Role
	Position Position
	Floor    Seq       // entries up to and including it are compacted
	Nodes    int64     // live, the root included
	Bytes    int64     // of all files together
	Existed  bool      // the file held entries when it was opened
	LastSeen time.Time // of the last commit before it was opened
}

// Stats reads the figures, all of one moment.
func (j *Journal) Stats(ctx context.Context) (s Stats, err error) {
	s.Existed, s.LastSeen = j.started.pos.Seq > 0, j.started.touched
	err = j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		s.Role, s.Position, s.Floor = h.role, h.pos, h.floor
		root, err := lookupIn(ctx, tx, Parked, "") // the root under any id: stale ones count too
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		s.Nodes, s.Bytes = root.Beneath.Nodes+1, root.Beneath.Bytes
		return err
	})
	return s, err
}
