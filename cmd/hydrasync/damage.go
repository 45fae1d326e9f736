package main

import (
	"context"

	"github.com/hydrasync/hydrasync/journal"
)

const damagedHint = "start it again: the damaged journal is put aside, and what both ends hold is compared anew"

// untilDamaged ends a process whose journal turns out to be damaged: nothing that
// it would go on to say is to be believed. Its supervisor, or a person, starts the next.
func untilDamaged(ctx context.Context, j *journal.Journal) error {
	select {
	case <-ctx.Done():
		return nil
	case <-j.Damaged():
		return failed(damagedHint, "%w", journal.ErrDamaged)
	}
}
