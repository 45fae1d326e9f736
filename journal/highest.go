package journal

import (
	"context"
	"database/sql"
)

// Highest is the largest id of a node that has, or had, a row; 0 in an empty
// journal. Nodes with larger ids are unknown without a look.
func (j *Journal) Highest(ctx context.Context) (NodeID, error) {
	var id sql.NullInt64
	if err := j.readers.QueryRowContext(ctx, "SELECT max(id) FROM nodes").Scan(&id); err != nil {
		return 0, j.judge(wrap("read the highest node id", err))
	}
	return NodeID(max(id.Int64, 0)), nil
}
