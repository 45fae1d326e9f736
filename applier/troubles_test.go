package applier

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hydrasync/hydrasync/journal"
)

func failing(id journal.NodeID, size int64) journal.Entry {
	return journal.Entry{Seq: 1, Change: journal.Change{Node: journal.Node{ID: id, Kind: journal.File, Body: journal.Content{Size: size}}}}
}

// turns are the pauses between the turns of what fails.
func turns(tr *troubles, n int) (pauses []time.Duration) {
	for began := now(); len(pauses) < n; {
		time.Sleep(time.Until(tr.nextRetry()))
		if len(tr.due(now())) > 0 {
			pauses = append(pauses, now().Sub(began))
			began = now()
		}
	}
	return pauses
}

// TestAFailedPathHasItsTurnSoon: the cause may be gone at any time, and nobody tells.
func TestAFailedPathHasItsTurnSoon(t *testing.T) {
	why := errors.New("refused")
	for _, row := range []struct {
		name     string
		size     int64
		at, last time.Duration
	}{
		{"a small file", 100, 5 * time.Second, 30 * time.Second},
		{"a large file, which may be fetched anew", 100 << 20, 5 * time.Second, 130 * time.Second},
		{"a size that nobody has", 1<<63 - 1, 5 * time.Second, 5 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTroubles()
				tr.failed(failing(2, row.size), "f", why)
				tr.failed(failing(3, row.size/100), "g", why)
				got := turns(tr, 12)
				if got[0] != row.at || got[11] < row.last || got[11] > row.last+2*time.Second {
					t.Errorf("turns after %v, want the first after %v and the last after about %v", got, row.at, row.last)
				}
			})
		})
	}
}

// TestWhatFailsNowTakesNobodysTurn: paths that fail one after the other do not keep the
// first from being tried again.
func TestWhatFailsNowTakesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTroubles()
		for id := journal.NodeID(2); id < 20; id++ {
			tr.failed(failing(id, 1), "f", errors.New("refused"))
			if tr.due(now()) != nil {
				return
			}
			time.Sleep(time.Second)
		}
		t.Error("no turn for 18 seconds")
	})
}
