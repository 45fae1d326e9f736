package ledger

import (
	"sync"
	"testing"
)

// A capitol starts while somebody already asks for a code: whoever is first turns the
// new file to WAL, and the others must wait for it.
func TestSeveralMayOpenANewLedgerAtOnce(t *testing.T) {
	for range 10 {
		folder := t.TempDir()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				l, err := Open(t.Context(), folder)
				if err != nil {
					t.Error(err)
					return
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
