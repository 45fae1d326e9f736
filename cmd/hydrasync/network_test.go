package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every config file that docs/network.md shows is right, for every machine in it.
func TestConfigFilesInTheDocumentsAreRight(t *testing.T) {
	text, err := os.ReadFile("../../docs/network.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 4 {
		t.Errorf("found %d config files only", len(blocks))
	}
	table := regexp.MustCompile(`(?m)^ *\[`)
	for _, b := range blocks {
		if !table.MatchString(b[1]) { // keys of a highway, each for itself
			for line := range strings.Lines(b[1]) {
				if _, err := parseConfig([]byte("[[highway]]\nfrom = \"ws://127.0.0.1:1/t\"\nto = \"/srv/t\"\n"+line), "network.md", ""); err != nil {
					t.Errorf("%v: %s\n%s", err, hintOf(err), line)
				}
			}
			continue
		}
		conf, err := parseConfig([]byte(b[1]), "network.md", "")
		if err != nil {
			t.Errorf("%v: %s\n%s", err, hintOf(err), b[1])
			continue
		}
		for name := range conf.Machines {
			if _, err := parseConfig([]byte(b[1]), "network.md", name); err != nil {
				t.Errorf("as %s: %v\n%s", name, err, strings.TrimSpace(b[1]))
			}
		}
	}
	for _, m := range commandLines.FindAllStringSubmatch(string(text), -1) {
		checkCommand(t, "network.md", strings.ReplaceAll(m[1], "'", ""))
	}
}
