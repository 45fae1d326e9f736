package ledger_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

func TestWhatWasHeardOfReplicasIsKeptForATime(t *testing.T) {
	folder := t.TempDir()
	l, now := mustOpen(t, folder), time.Now().UTC()
	here := ledger.Report{Teller: "berlin", ID: "0a\xff", Line: []byte("1")}
	lost := ledger.Report{Teller: "berlin", ID: "0b", Lost: now.Add(-ledger.KeepRuns + time.Hour), Line: []byte("2")}
	old := ledger.Report{Teller: "paris", ID: "0b", Lost: now.Add(-ledger.KeepRuns - time.Hour), Line: []byte("3")}
	kept := func(want ...ledger.Report) {
		t.Helper()
		got, err := l.Reports(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	keep := func(reports, forget []ledger.Report) {
		t.Helper()
		if err := l.Keep(t.Context(), reports, forget); err != nil {
			t.Fatal(err)
		}
	}
	keep([]ledger.Report{here, lost, old}, nil)
	kept(here, lost)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, folder)
	here.Line = []byte("4")
	keep([]ledger.Report{here}, []ledger.Report{lost, old})
	kept(here)
}
