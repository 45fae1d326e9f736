package ledger_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/hydrasync/hydrasync/journal/ledger"
)

func mustRecord(t *testing.T, l *ledger.Ledger, runs ...*ledger.Run) {
	t.Helper()
	if err := l.Record(t.Context(), runs...); err != nil {
		t.Fatal(err)
	}
}

func mustRuns(t *testing.T, l *ledger.Ledger, ask ledger.Asked) []ledger.Run {
	t.Helper()
	runs, err := l.Runs(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func TestWhatGoesOnIsOneLine(t *testing.T) {
	l, now := mustOpen(t, t.TempDir()), time.Now().UTC()
	r := &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, Began: now, City: "berlin", Tree: "t\xff\n", Remote: "127.0.0.1:1", Mode: "full", Reason: "new"}
	mustRecord(t, l, r)
	if got := mustRuns(t, l, ledger.Asked{Since: now.Add(time.Hour)}); len(got) != 1 || got[0] != *r || !got[0].At.IsZero() {
		t.Fatalf("got %+v, want %+v", got, *r)
	}
	r.Entries, r.Bytes = 7, 9
	mustRecord(t, l, r)
	r.Ending = ledger.Ending{At: now.Add(time.Second), Result: ledger.Failed, Fault: "remote", Said: "no"}
	mustRecord(t, l, r)
	for _, ask := range []ledger.Asked{{}, {ID: r.ID}, {City: "berlin", Tree: "t\xff\n", Failed: true, Since: now}} {
		if got := mustRuns(t, l, ask); len(got) != 1 || got[0] != *r {
			t.Errorf("%+v: got %+v, want %+v", ask, got, *r)
		}
	}
	for _, ask := range []ledger.Asked{{City: "paris"}, {Tree: "t"}, {Since: now.Add(time.Minute)}, {ID: r.ID + 1}} {
		if got := mustRuns(t, l, ask); len(got) != 0 {
			t.Errorf("%+v: got %+v", ask, got)
		}
	}
}

func TestAttemptsInVainAreCountedInOneLine(t *testing.T) {
	l, now := mustOpen(t, t.TempDir()), time.Now().UTC()
	try := func(after time.Duration, said string) {
		at := now.Add(after)
		mustRecord(t, l, &ledger.Run{Side: ledger.AtCity, Kind: ledger.Attempt, Began: at, Tree: "site", Tries: 1,
			Ending: ledger.Ending{At: at, Result: ledger.Failed, Said: said}})
	}
	try(0, "refused")
	try(time.Minute, "refused")
	try(2*time.Minute, "other")
	try(3*time.Minute, "refused")
	try(3*time.Hour, "refused")
	got := mustRuns(t, l, ledger.Asked{})
	if len(got) != 3 || got[0].Tries != 1 || got[1].Said != "other" || got[2].Tries != 3 || !got[2].At.Equal(now.Add(3*time.Minute)) {
		t.Errorf("got %+v", got)
	}
}

func TestTheLogForgets(t *testing.T) {
	l, now := mustOpen(t, t.TempDir()), time.Now().UTC()
	run := func(kind ledger.Kind, city string, ended time.Time) *ledger.Run {
		return &ledger.Run{Side: ledger.AtCapitol, Kind: kind, City: city, Began: now.Add(-2 * ledger.KeepRuns), Ending: ledger.Ending{At: ended}}
	}
	mustRecord(t, l, run(ledger.Session, "open", time.Time{}), run(ledger.Session, "old", now.Add(-ledger.KeepRuns-time.Minute)), run(ledger.Session, "kept", now))
	var flood []*ledger.Run
	for i := range 1200 {
		r := run(ledger.Attempt, "stranger", now)
		r.Remote = time.Duration(i).String()
		flood = append(flood, r)
	}
	mustRecord(t, l, flood...)
	if got := mustRuns(t, l, ledger.Asked{City: "stranger"}); len(got) != 1000 || got[0].Remote != time.Duration(1199).String() {
		t.Errorf("%d attempts are kept", len(got))
	}
	for city, want := range map[string]int{"open": 1, "old": 0, "kept": 1} {
		if got := mustRuns(t, l, ledger.Asked{City: city}); len(got) != want {
			t.Errorf("%s: %d lines, want %d", city, len(got), want)
		}
	}
}

func TestRunsOfAProcessThatDiedAreEnded(t *testing.T) {
	l, now := mustOpen(t, t.TempDir()), time.Now().UTC()
	for _, tree := range []string{"a", "b"} {
		mustRecord(t, l, &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, Began: now, Tree: tree})
	}
	if err := l.Orphans(t.Context(), ledger.AtCapitol, "a"); err != nil {
		t.Fatal(err)
	}
	for tree, want := range map[string]ledger.Result{"a": ledger.Warning, "b": ""} {
		if got := mustRuns(t, l, ledger.Asked{Tree: tree}); got[0].Result != want || got[0].At.IsZero() != (want == "") {
			t.Errorf("%s: got %+v", tree, got)
		}
	}
}

func TestALedgerOfTheFirstVersionIsBroughtForward(t *testing.T) {
	folder := t.TempDir()
	l := mustOpen(t, folder)
	mustJoin(t, l, "berlin", ledger.Everything()...)
	l.Close()
	db, err := sql.Open("sqlite3", filepath.Join(folder, ledger.Name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("DROP TABLE runs; DROP TABLE reports; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	l = mustOpen(t, folder)
	mustRecord(t, l, &ledger.Run{Kind: ledger.Session, Began: time.Now()})
	if _, err := l.City(t.Context(), "berlin"); err != nil {
		t.Error(err)
	}
	if got := mustRuns(t, l, ledger.Asked{}); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// However many come after it, a line that goes on is kept, and is there to be ended.
func TestWhatGoesOnIsNotTrimmed(t *testing.T) {
	l, now := mustOpen(t, t.TempDir()), time.Now().UTC()
	open := &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, City: "open", Began: now}
	first := &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, City: "first", Began: now, Ending: ledger.Ending{At: now, Result: ledger.OK}}
	mustRecord(t, l, open, first)
	var flood []*ledger.Run
	for range 10_000 {
		flood = append(flood, &ledger.Run{Side: ledger.AtCapitol, Kind: ledger.Session, City: "flood", Began: now, Ending: ledger.Ending{At: now, Result: ledger.OK}})
	}
	mustRecord(t, l, flood...)
	open.Entries, open.Ending = 5, ledger.Ending{At: now, Result: ledger.Failed}
	if got := mustRuns(t, l, ledger.Asked{City: "open"}); len(got) != 1 || !got[0].At.IsZero() {
		t.Fatalf("what goes on: %+v", got)
	}
	if got := mustRuns(t, l, ledger.Asked{City: "first"}); len(got) != 0 {
		t.Errorf("the oldest that is over is kept: %+v", got)
	}
	if got := mustRuns(t, l, ledger.Asked{City: "flood"}); len(got) != 10_000 {
		t.Errorf("%d of those that came last are kept", len(got))
	}
	open.Ending = ledger.Ending{}
	mustRecord(t, l, open)
	if got := mustRuns(t, l, ledger.Asked{City: "open"}); len(got) != 1 || got[0].Entries != 5 {
		t.Errorf("got %+v", got)
	}
}
