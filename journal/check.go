package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// Verdict says what can be done with a reader's position.
type Verdict uint8

// The verdicts. Only Resumable lets the reader follow from its position.
const (
	Resumable Verdict = iota + 1
	Empty             // the reader has no position
	OtherEpoch
	Compacted     // the entries after it are gone
	DigestDiffers // same number, other history: one side was rolled back
	Ahead         // the reader knows more than this journal: it was rolled back
)

// String is the reason that people see.
func (v Verdict) String() string {
	names := [...]string{"", "resumable", "no position yet", "the journal has another epoch", "the position is compacted",
		"the histories differ", "the position is ahead of the journal"}
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// Check holds a reader's position against this journal.
func (j *Journal) Check(ctx context.Context, pos Position) (v Verdict, err error) {
	err = j.snapshot(ctx, func(tx *sql.Tx, h head) error {
		v, err = checkIn(ctx, tx, h, pos)
		return err
	})
	return v, err
}

func checkIn(ctx context.Context, tx *sql.Tx, h head, pos Position) (Verdict, error) {
	switch {
	case pos.Epoch.IsZero():
		return Empty, nil
	case pos.Epoch != h.pos.Epoch:
		return OtherEpoch, nil
	case pos.Seq > h.pos.Seq:
		return Ahead, nil
	case pos.Seq < h.floor:
		return Compacted, nil
	case pos.Seq == h.pos.Seq && pos.Digest == h.pos.Digest, pos.Seq == 0:
		return Resumable, nil
	}
	e, _, err := stampAt(ctx, tx, pos.Seq)
	switch {
	case err != nil:
		return 0, fmt.Errorf("check position: %w", err)
	case e.Seq != pos.Seq && h.role == City:
		// A city records of each catch-up the newest states only, so its log has
		// gaps, and of a comparison nothing. What cannot be proven here the
		// reader proves with its digest, as soon as it has followed to the head.
		return Resumable, nil
	case e.Seq != pos.Seq && pos.Seq == h.floor:
		return Compacted, nil
	case e.Seq != pos.Seq, e.Digest != pos.Digest:
		return DigestDiffers, nil
	}
	return Resumable, nil
}
