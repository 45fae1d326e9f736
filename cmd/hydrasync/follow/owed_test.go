package follow

import (
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

// A city whose own row is wrong asks for a content that nobody has; the newer entry
// that would explain it never comes.
func TestContentThatStaysOwedIsCompared(t *testing.T) {
	at := func(seq journal.Seq) journal.Position { return journal.Position{Epoch: journal.Epoch{1}, Seq: seq} }
	var o owed
	now := time.Unix(1, 0)
	for i, step := range []struct {
		pos  journal.Position
		wait time.Duration
		want bool
	}{
		{at(1), 0, false},
		{at(1), owedPatience - 1, false},
		{at(2), time.Hour, false}, // something came: it counts anew
		{at(2), owedPatience - 1, false},
		{at(2), 1, true},
	} {
		now = now.Add(step.wait)
		if got := o.overdue(step.pos, now); got != step.want {
			t.Errorf("step %d: overdue %v, want %v", i, got, step.want)
		}
	}
}
