package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/txtar"
)

// top is the repository, seen from here.
const top = "../../../.."

// mutant is one planted bug.
type mutant struct {
	name   string // of its file
	broken string // what it breaks, for people
	test   test
	says   string // words of the failure
	cheap  bool
	edits  []edit
}

// test is how a test is run.
type test struct {
	dir  string // ./applier
	name string // TestX or TestX/of_a_subtest
	env  string // NAME=VALUE NAME=VALUE
}

// edit is one place in one file.
type edit struct{ file, old, new string }

// load reads every mutant, in the order of their names.
func load() (all []*mutant, err error) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(filepath.Base(path), ".txt"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func parse(name string, text []byte) (*mutant, error) {
	m, a := &mutant{name: name}, txtar.Parse(text)
	for line := range strings.Lines(string(a.Comment)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if err := m.set(key, strings.TrimSpace(value)); err != nil {
			return nil, err
		}
	}
	if m.broken == "" || m.test.dir == "" || m.says == "" {
		return nil, fmt.Errorf("broken, test and says are all needed")
	}
	if len(a.Files) == 0 || len(a.Files)%2 != 0 {
		return nil, fmt.Errorf("want pairs of old and new texts")
	}
	for i := 0; i < len(a.Files); i += 2 {
		file, ok := strings.CutPrefix(a.Files[i].Name, "old ")
		if !ok || a.Files[i+1].Name != "new" {
			return nil, fmt.Errorf("want old FILE, then new; got %q, %q", a.Files[i].Name, a.Files[i+1].Name)
		}
		m.edits = append(m.edits, edit{file, string(a.Files[i].Data), string(a.Files[i+1].Data)})
	}
	return m, nil
}

func (m *mutant) set(key, value string) error {
	switch key {
	case "broken":
		m.broken = value
	case "says":
		m.says = value
	case "env":
		m.test.env = value
	case "cheap":
		m.cheap = value == "yes"
	case "test":
		m.test.dir, m.test.name, _ = strings.Cut(value, " ")
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// changed is every file of the mutant as it becomes.
func (m *mutant) changed() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, e := range m.edits {
		text, ok := files[e.file]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(top, e.file)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("the old text is %d times in %s: bring the mutant up to date\n%s", n, e.file, e.old)
		}
		files[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}

// overlay writes what the compiler is to see into dir, and returns the file
// for -overlay.
func (m *mutant) overlay(dir string) (string, error) {
	files, err := m.changed()
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for file, text := range files {
		from, err := filepath.Abs(filepath.Join(top, file))
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
		replace[from] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}
