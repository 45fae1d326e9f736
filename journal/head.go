package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Role says who numbers the entries.
type Role uint8

// The roles.
const (
	Capitol Role = iota + 1 // Append assigns the numbers
	City                    // Record takes them from the capitol
)

// String is the word that people see.
func (r Role) String() string {
	switch r {
	case Capitol:
		return "capitol"
	case City:
		return "city"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// head is the one row of the table of that name: how far this journal is.
type head struct {
	role    Role
	pos     Position
	nextID  NodeID
	floor   Seq // entries up to and including it are gone
	clean   bool
	touched time.Time // of the last commit
}

func loadHead(ctx context.Context, conn *sql.Conn) (h head, err error) {
	row := conn.QueryRowContext(ctx, selectHead)
	return scanHead(row)
}

func scanHead(row *sql.Row) (h head, err error) {
	var epoch, digest []byte
	var touched int64
	if err := row.Scan(&h.role, &epoch, &h.pos.Seq, &digest, &h.nextID, &h.floor, &h.clean, &touched); err != nil {
		return head{}, headless(err)
	}
	if len(epoch) != len(Epoch{}) || len(digest) != len(Digest{}) || h.role != Capitol && h.role != City {
		return head{}, fmt.Errorf("read head: %w: epoch, digest or role is none", ErrDamaged)
	}
	copy(h.pos.Epoch[:], epoch)
	copy(h.pos.Digest[:], digest)
	h.touched = time.Unix(0, touched).UTC()
	return h, nil
}

// headless: no row, or one of other types, is a file that was damaged.
func headless(err error) error {
	var code sqlite3.Error
	if errors.As(err, &code) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) {
		return wrap("read head", err)
	}
	return fmt.Errorf("read head: %w: %w", ErrDamaged, err)
}

const selectHead = "SELECT role, epoch, seq, digest, next_id, floor, clean, touched FROM head"

const saveHead = "UPDATE head SET epoch=?, seq=?, digest=?, next_id=?, floor=?, clean=?, touched=?"

func (h *head) args() []any {
	return []any{h.pos.Epoch[:], int64(h.pos.Seq), h.pos.Digest[:], int64(h.nextID), int64(h.floor), h.clean, h.touched.UnixNano()}
}
