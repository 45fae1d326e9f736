package applier

import (
	"context"
	"io"

	"github.com/hydrasync/hydrasync/journal"
)

// Set is a batch of node states from the capitol, in any order, each node at
// most once.
type Set struct {
	Entries  []journal.Entry
	Bodies   map[journal.NodeID][]byte // content that came along: the last bytes of the file, or all
	Position journal.Position          // recorded when all of it is on disk
	Full     bool                      // part of a full comparison
	FullDone bool                      // its last part: whatever was not named is gone

	ready  map[journal.NodeID]*ready // made by Prepare
	inLine bool                      // it was prepared, and waits for its turn
	weight int64                     // bytes that it is counted with, see ahead
}

// Fetcher gets a range of a node's content from the capitol. An error with a
// method Moved() bool that says true means that the capitol has a newer state.
type Fetcher interface {
	Fetch(ctx context.Context, n journal.Node, off, length int64, w io.Writer) error
}
