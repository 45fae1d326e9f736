package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/report"
)

// The whole program, small: it says nothing about how fast anything is.
func TestQuickRunMeasuresAndProves(t *testing.T) {
	dir := t.TempDir()
	program := mustBuild(t, dir)
	file, chart := filepath.Join(dir, "bench.json"), filepath.Join(dir, "bench.svg")
	var out, progress bytes.Buffer
	code := run([]string{"--quick", "--rows", "live,rename,firstcopy", "--rounds", "1", "--who", "hydrasync,rsync -a",
		"--hydrasync", program, "--patience", "2m", "--json", file, "--svg", chart}, &out, &progress)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), progress.String())
	}
	table := mustRead(t, file)
	if len(table.Rows) != 3 || !table.Quick {
		t.Fatalf("the table has %d rows", len(table.Rows))
	}
	for _, r := range table.Rows {
		for _, l := range r.Lines {
			wanted := l.Who == hydrasync || l.Floor || l.Who == rsyncOnce && l.Absent == ""
			if wanted && (len(l.Failures) > 0 || l.Medians[r.Figures[0].Key] <= 0) {
				t.Errorf("%s, %s: %v %v", r.Name, l.Who, l.Medians, l.Failures)
			}
		}
	}
	for _, text := range []string{out.String(), string(mustReadFile(t, chart))} {
		if !strings.Contains(text, "rename of a directory") || strings.Contains(text, "FAILED") {
			t.Errorf("unexpected output:\n%s", text)
		}
	}
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"--rows", "nonsense"}, {"--rounds", "0"}, {"--who", "nobody"}, {"--dir", "/dev/shm"}, {"more"}, {"--hydrasync", "/nowhere"}} {
		var out, progress bytes.Buffer
		if code := run(args, &out, &progress); code != 1 || !strings.Contains(progress.String(), "hydrabench: error: ") {
			t.Errorf("%v: exit %d, %s", args, code, progress.String())
		}
	}
}

func TestListNamesEveryRow(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"--list"}, &out, os.Stderr); code != 0 {
		t.Fatal(code)
	}
	for _, r := range allRows() {
		if !strings.Contains(out.String(), "\n"+r.name+" ") && !strings.HasPrefix(out.String(), r.name+" ") {
			t.Errorf("%s is not in the list", r.name)
		}
	}
}

func TestRowsAreWhole(t *testing.T) {
	var known, names []string
	for _, c := range append(newPeers(), newHydrasync("hydrasync")) {
		known = append(known, c.name)
		if c.copy != nil && c.follow != nil {
			t.Errorf("%s copies and follows", c.name)
		}
	}
	for _, r := range allRows() {
		if r.title == "" || r.run == nil || len(r.bounds) == 0 || !slices.Contains(r.who, hydrasync) || slices.Contains(names, r.name) {
			t.Errorf("row %q lacks something, or is there twice", r.name)
		}
		names = append(names, r.name)
		for _, who := range r.who {
			if !slices.Contains(known, who) {
				t.Errorf("row %s: %q is no contestant", r.name, who)
			}
		}
		for _, b := range r.bounds {
			has := func(key string) bool {
				return slices.ContainsFunc(r.figures, func(f report.Figure) bool { return f.Key == key })
			}
			if !has(b.Figure) || b.OfKey != "" && !has(b.OfKey) || b.Of != "" && b.Of != r.floor && !slices.Contains(r.who, b.Of) {
				t.Errorf("row %s has nothing to hold %+v against", r.name, b)
			}
		}
	}
}

func mustBuild(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "hydrasync")
	if out, err := exec.Command("go", "build", "-o", program, "../hydrasync").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func mustRead(t *testing.T, file string) (table report.Table) {
	t.Helper()
	if err := json.Unmarshal(mustReadFile(t, file), &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func mustReadFile(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
