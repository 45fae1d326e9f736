package journal

import "context"

// ChildrenAfter reads the next page of a directory's live nodes: by name,
// ascending as bytes, from the first name above after ("" is the first page), without their
// hash states. It puts them into the slice that the caller had from the last
// call, so a walk over many directories makes no garbage but the names. A page
// of less than [PageRows] is the last. Each page is read as things are then.
func (j *Journal) ChildrenAfter(ctx context.Context, parent NodeID, after string, into []Stored) ([]Stored, error) {
	found, err := childrenIn(ctx, j.readers, into, parent, after, PageRows)
	return found, j.judge(err)
}

// PageRows is how many rows a page of [Journal.ChildrenAfter] has at most.
const PageRows = packRows
