package watcher_test

import (
	"context"
	"testing"
)

func dump(t testing.TB, r *rig) {
	es, _ := r.j.Entries(context.Background(), 0, 100000)
	for _, e := range es {
		if e.Note == nil {
			t.Logf("%d %s %q gone=%v id=%d kind=%v", e.Seq, e.Time.Format("05.000000"), e.Path, e.Change.Gone, e.Change.Node.ID, e.Change.Node.Kind)
		}
	}
}
