package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/hydrasync/hydrasync/cmd/hydrasync/plan"
)

// fileConf is a config file: everything that one process runs.
type fileConf struct {
	Name     string        `toml:"name"` // of this machine
	State    string        `toml:"state"`
	Roots    []string      `toml:"roots"`    // beneath which a plan of others may write here
	Bounds   boundsConf    `toml:"bounds"`   // of what such a plan may take here
	Registry registryConf  `toml:"registry"` // whose plan this machine follows
	Links    []sourceConf  `toml:"source"`   // how it proves itself where that plan sends it
	Serve    serveConf     `toml:"serve"`
	Trees    []treeConf    `toml:"tree"`
	Highways []highwayConf `toml:"highway"`

	Machines map[string]machineConf `toml:"machine"` // where the file is that of several

	said   string            // the name that the file or --name says
	served bool              // [serve] is written
	parts  map[string]string // of other machines, see [plan.Parts]
}

// readConfig reads, completes and checks a config file, as the machine of that
// name ("": the one that the file or the host says). It looks at nothing
// but the file: directories are looked at when they are used.
func readConfig(path, machine string) (*fileConf, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("hydrasync config dump prints a sample", "read config: %w", err)
	}
	conf, err := parseConfig(text, path, machine)
	if err != nil {
		return nil, err
	}
	return conf, conf.checkSecrets(path)
}

func parseConfig(text []byte, path, machine string) (conf *fileConf, err error) {
	conf = new(fileConf)
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().EnableUnmarshalerInterface()
	if err := d.Decode(conf); err != nil {
		return nil, explainTOML(path, err)
	}
	var written struct {
		Serve any `toml:"serve"`
	}
	if err := toml.Unmarshal(text, &written); err != nil {
		return nil, explainTOML(path, err)
	}
	conf.served = written.Serve != nil
	conf.become(machine)
	conf.defaults()
	if p := conf.problem(); p != nil {
		return nil, usage(p.instead, "%s:%d: %s", path, lineOf(text, p.key), p.text)
	}
	conf.parts, err = plan.Parts(text)
	delete(conf.parts, conf.Name)
	return conf, err
}

func (c *fileConf) defaults() {
	for i := range c.Highways {
		if h := &c.Highways[i]; h.CredentialFile != "" {
			orDefault(&h.JoinedAs, c.said) // what the file says, not what the host is called
		}
	}
	orDefault(&c.State, string(defaultState()))
	orDefault(&c.Serve.Listen, defaultListen)
	for i := range c.Trees {
		c.Trees[i].machine = c.Name
		c.Trees[i].defaults()
	}
	for i := range c.Highways {
		c.Highways[i].machine = c.Name
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
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("toml")
		switch {
		case len(path) > 0 && name == path[0] && f.Type.Kind() == reflect.Map:
			return knownKeys(f.Type.Elem(), path[min(2, len(path)):])
		case f.Anonymous:
			keys = append(keys, knownKeys(f.Type, path)...)
		case len(path) > 0 && name == path[0]:
			return knownKeys(f.Type, path[1:])
		case len(path) == 0 && name != "" && name != "-":
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
