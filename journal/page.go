package journal

import "context"

// ChildrenAfter reads the next page of a directory's live nodes: by name,
// ascending as bytes, from the first name above after ("" is the first page), without their
// hash states. It puts them into the slice that the caller had from the last
// call, so a walk over many directories makes no garbage but the names. A page
// of less than [PageRows] is the last. Each page is read as things are then.
func (j *Journal) ChildrenAfter(ctx context.Context, parent NodeID, after string, into []Stored) ([]Stored, error) {
	where, args := "parent = ? AND gone = 0 ORDER BY name LIMIT ?", []any{int64(parent), PageRows}
	if after != "" {
		where, args = "parent = ? AND name > ? AND gone = 0 ORDER BY name LIMIT ?", []any{int64(parent), []byte(after), PageRows}
	}
	page := into[:0]
	err := pack(ctx, j.readers, func(raw []byte) error {
		d := decoder{b: raw}
		for len(d.b) > 0 {
			page = append(page, Stored{})
			d.row(&page[len(page)-1])
		}
		return d.end("nodes")
	}, packed(packedRow, "SELECT * FROM nodes WHERE "+where), args...)
	return page, err
}

// PageRows is how many rows a page of [Journal.ChildrenAfter] has at most.
const PageRows = packRows
