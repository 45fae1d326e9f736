package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// fileConf is a config file: everything that one process runs.
type fileConf struct {
	Name     string        `toml:"name"` // of this machine
	State    string        `toml:"state"`
	Roots    []string      `toml:"roots"` // beneath which a plan of others may write here
	Serve    serveConf     `toml:"serve"`
	Trees    []treeConf    `toml:"tree"`
	Highways []highwayConf `toml:"highway"`
}

// readConfig reads, completes and checks a config file. It looks at nothing
// but the file: directories are looked at when they are used.
func readConfig(path string) (*fileConf, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("hydrasync config dump prints a sample", "read config: %w", err)
	}
	conf := new(fileConf)
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().EnableUnmarshalerInterface()
	if err := d.Decode(conf); err != nil {
		return nil, explainTOML(path, err)
	}
	conf.defaults()
	if p := conf.problem(); p != nil {
		return nil, usage(p.instead, "%s:%d: %s", path, lineOf(text, p.key), p.text)
	}
	return conf, conf.checkSecrets(path)
}

func (c *fileConf) defaults() {
	for i := range c.Highways {
		if h := &c.Highways[i]; h.CredentialFile != "" {
			orDefault(&h.JoinedAs, c.Name) // what the file says, not what the host is called
		}
	}
	orDefault(&c.Name, machineName())
	orDefault(&c.State, string(defaultState()))
	orDefault(&c.Serve.Listen, defaultListen)
	for i := range c.Trees {
		c.Trees[i].defaults()
	}
	for i := range c.Highways {
		c.Highways[i].defaults()
	}
}

// explainTOML names file and line, and what to write instead.
func explainTOML(path string, err error) error {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		first := &unknown.Errors[0]
		line, _ := first.Position()
		key := first.Key()
		return usage(suggest(key), "%s:%d: unknown key %q", path, line, strings.Join(key, "."))
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		text := strings.TrimPrefix(wrong.Error(), "toml: ")
		return usage("strings, durations and sizes stand in quotes; hydrasync config dump shows every key", "%s:%d: %s%s", path, line, keyText(wrong.Key()), text)
	}
	return usage("hydrasync config dump prints a sample", "%s: %w", path, err)
}

func keyText(key toml.Key) string {
	if len(key) == 0 {
		return ""
	}
	return strings.Join(key, ".") + ": "
}

// suggest names the known key that looks most like an unknown one, or all of
// the table's.
func suggest(key toml.Key) string {
	if key[0] == "city" {
		return "a link to a capitol is a [[highway]]"
	}
	known := knownKeys(reflect.TypeFor[fileConf](), key[:len(key)-1])
	last := key[len(key)-1]
	best, least := "", 1+len(last)/2
	for _, k := range known {
		if d := distance(last, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known here: " + strings.Join(known, ", ")
}

// knownKeys lists the keys of the table at a path.
func knownKeys(t reflect.Type, path []string) (keys []string) {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			keys = append(keys, knownKeys(f.Type, path)...)
		case len(path) > 0 && name == path[0]:
			return knownKeys(f.Type, path[1:])
		case len(path) == 0 && name != "":
			keys = append(keys, name)
		}
	}
	return keys
}

// distance is Levenshtein's: how many letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
