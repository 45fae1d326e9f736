package main

import (
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// What a plan proposes holds within what the machine's own file says.
func TestAPlanHoldsWithinTheMachinesBounds(t *testing.T) {
	root := t.TempDir()
	conf, err := parseConfig([]byte(`
roots = ["`+root+`"]
[bounds]
max_bytes = "10GiB"
max_paths = 1000
min_free = "5%"
limit = [{at = "08:00-18:00", rate = "2MiB"}, {rate = "8MiB"}]
[registry]
from = "ws://127.0.0.1:1"`), "mill.toml", "mill")
	if err != nil {
		t.Fatal(err)
	}
	day, night := time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local), time.Date(2026, 3, 2, 23, 0, 0, 0, time.Local)
	for _, c := range []struct {
		plan              string
		bytes, paths, min string
		day, night        string
	}{
		{"", "10GiB", "1000", "5%", "2MiB/s", "8MiB/s"},
		{"max_bytes = \"1GiB\"\nmax_paths = 10\nmin_free = \"10%\"\nlimit = \"1MiB\"", "1GiB", "10", "10%", "1MiB/s", "1MiB/s"},
		{"max_bytes = \"1TiB\"\nmax_paths = 10000\nmin_free = \"1GiB\"\nlimit = \"4MiB\"", "10GiB", "1000", "1GiB and 5%", "2MiB/s", "4MiB/s"},
	} {
		part := "[[highway]]\nfrom = \"ws://127.0.0.1:1/t\"\nto = \"" + root + "/t\"\n" + c.plan
		taken, report := conf.accept(part)
		if len(taken) != 1 {
			t.Fatalf("%s: %+v", part, report)
		}
		h := &taken[0]
		atDay, atNight := h.Limit.at(day), h.Limit.at(night)
		if h.MaxBytes.String() != c.bytes || h.MaxPaths.String() != c.paths || h.MinFree.String() != c.min || atDay.String() != c.day || atNight.String() != c.night {
			t.Errorf("%s: %v %v %v, %v by day, %v by night", c.plan, &h.MaxBytes, &h.MaxPaths, &h.MinFree, &atDay, &atNight)
		}
	}
	if !conf.Bounds.Limit.timed() {
		t.Error("the limit does not follow the hour")
	}
}

// A registry carries the bounds of others as its file has them.
func TestARegistryTellsTheBoundsOfItsPlan(t *testing.T) {
	conf, err := parseConfig([]byte(`
name = "registry"
[[highway]]
city = "mill"
from = "ws://127.0.0.1:1/t"
to = "/srv/t"
max_bytes = "1GiB"
max_paths = 10
min_free = "10%"`), "registry.toml", "")
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Highway []map[string]any }
	if err := toml.Unmarshal([]byte(conf.parts["mill"]), &told); err != nil || len(told.Highway) != 1 {
		t.Fatalf("%q, %v", conf.parts["mill"], err)
	}
	h := told.Highway[0]
	if h["max_bytes"] != "1GiB" || h["max_paths"] != int64(10) || h["min_free"] != "10%" {
		t.Errorf("%v", h)
	}
}
