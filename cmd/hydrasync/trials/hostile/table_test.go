package hostile

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/trials/stand"
	_ "github.com/mattn/go-sqlite3"
)

// stage is a mirror whose two journals can be exchanged for others.
type stage struct {
	t               *testing.T
	src, dst, state string
}

func newStage(t *testing.T) *stage {
	top := t.TempDir()
	s := &stage{t: t, src: filepath.Join(top, "src"), dst: filepath.Join(top, "dst"), state: filepath.Join(top, "state")}
	for i := range 20 {
		stand.Write(t, filepath.Join(s.src, "d", fmt.Sprint("f", i)), []byte(fmt.Sprint("first ", i)))
	}
	stand.Write(t, filepath.Join(s.dst, foreignName), []byte(foreignBody))
	return s
}

func (s *stage) mirror() (string, int) {
	return stand.Run(s.t, "mirror", s.src, s.dst, "--state", s.state, "--once", "--timeout", "60s", "--log-format", "json")
}

func (s *stage) mustMirror() {
	s.t.Helper()
	if out, code := s.mirror(); code != 0 {
		s.t.Fatalf("mirror ended with %d:\n%s", code, out)
	}
}

// journal of an end: the capitol's or the city's.
func (s *stage) journal(end string) string {
	if end == "city" {
		return filepath.Join(s.dst, ".hydrasync", "journal.db")
	}
	found, err := filepath.Glob(filepath.Join(s.state, "*", "journal.db"))
	if err != nil || len(found) != 1 {
		s.t.Fatalf("journals of the capitol: %v %v", found, err)
	}
	return found[0]
}

func (s *stage) change(what string) {
	stand.Write(s.t, filepath.Join(s.src, "d", "f1"), []byte(what))
	stand.Write(s.t, filepath.Join(s.src, what), []byte(what))
	os.Rename(filepath.Join(s.src, "d", "f2"), filepath.Join(s.src, "moved by "+what))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// spoilings of a journal; each finds it closed in order.
var spoilings = map[string]func(s *stage, path, older string){
	"lost":      func(s *stage, path, _ string) { os.Remove(path) },
	"older":     func(s *stage, path, older string) { copyFile(s.t, older, path) },
	"corrupted": func(s *stage, path, _ string) { stand.Write(s.t, path, bytes.Repeat([]byte("no journal "), 1000)) },
	"foreign": func(s *stage, path, _ string) { // of another pair, that has other files under the same names
		o := newStage(s.t)
		o.change("foreign")
		o.mustMirror()
		end := "capitol"
		if strings.Contains(path, ".hydrasync") {
			end = "city"
		}
		copyFile(s.t, o.journal(end), path)
	},
	"cloned": func(s *stage, path, _ string) { // the life goes on twice: the copy has other entries under the same numbers
		keep := s.t.TempDir()
		if out, err := exec.Command("cp", "-a", s.src, s.dst, s.state, keep).CombinedOutput(); err != nil {
			s.t.Fatalf("%v %s", err, out)
		}
		rel, _ := filepath.Rel(filepath.Dir(s.src), path)
		s.change("another life")
		s.mustMirror()
		copyFile(s.t, path, filepath.Join(keep, "copy"))
		for _, dir := range []string{s.src, s.dst, s.state} {
			os.RemoveAll(dir)
			if out, err := exec.Command("cp", "-a", filepath.Join(keep, filepath.Base(dir)), dir).CombinedOutput(); err != nil {
				s.t.Fatalf("%v %s", err, out)
			}
		}
		copyFile(s.t, filepath.Join(keep, "copy"), filepath.Join(filepath.Dir(s.src), rel))
	},
	"newer schema": func(s *stage, path, _ string) {
		db, err := sql.Open("sqlite3", path)
		if err != nil {
			s.t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
			s.t.Fatal(err)
		}
	},
}

// TestCampaignStateTable: each end's journal is lost, older, foreign, corrupted, cloned or of a
// newer program, with or without changes meanwhile. The trees become equal, or, for
// what a newer program wrote, the command refuses with a hint and touches nothing.
func TestCampaignStateTable(t *testing.T) {
	t.Parallel()
	count := 0
	for _, end := range []string{"capitol", "city"} {
		for _, what := range slices.Sorted(maps.Keys(spoilings)) {
			for _, before := range []bool{true, false} {
				if count++; count%stand.Size(6, 1, 1) != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s %s, changes before %v", end, what, before), func(t *testing.T) {
					s := newStage(t)
					s.mustMirror()
					older := filepath.Join(t.TempDir(), "older")
					copyFile(t, s.journal(end), older)
					for i := range 3 {
						s.change(fmt.Sprint("news ", i))
						s.mustMirror()
					}
					if before {
						s.change("unseen before")
					}
					spoilings[what](s, s.journal(end), older)
					s.change("unseen after")
					s.verdict(end, what)
				})
			}
		}
	}
	t.Logf("campaign states: %d of %d rows", count/stand.Size(6, 1, 1), count)
}

func (s *stage) verdict(end, what string) {
	t := s.t
	t.Helper()
	was := tree(t, s.dst)
	out, code := s.mirror()
	if what == "newer schema" {
		if code == 0 || !strings.Contains(out, "hydrasync: hint: ") {
			t.Errorf("ended with %d, want a refusal with a hint:\n%s", code, out)
		}
		if diff := differences(was, tree(t, s.dst), "", nil); len(diff) > 0 {
			t.Errorf("refused, and yet: %v", diff)
		}
		return
	}
	if code != 0 {
		out, code = s.mirror()
	}
	// a city without its own journal does not know what it made: that stays
	left := map[string]bool{}
	for path := range was {
		left[path] = end == "city"
	}
	got := tree(t, s.dst)
	if diff := differences(tree(t, s.src), got, foreignName, left); code != 0 || len(diff) > 0 {
		t.Errorf("ended with %d: %v\n%s", code, diff, out)
	}
	if !strings.HasSuffix(got[foreignName], foreignBody) {
		t.Errorf("the stranger's file is now %q", got[foreignName])
	}
	if panicked(out) {
		t.Errorf("printed:\n%s", out)
	}
}
