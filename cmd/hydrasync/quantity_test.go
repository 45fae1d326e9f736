package main

import (
	"encoding"
	"fmt"
	"testing"
)

type quantity interface {
	encoding.TextUnmarshaler
	fmt.Stringer
}

func TestQuantitiesAreWrittenAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		into       quantity
		text, want string // want "" is a refusal
	}{
		{new(duration), "20ms", "20ms"},
		{new(duration), "10m", "10m"},
		{new(duration), "24h", "24h"},
		{new(duration), "90s", "1m30s"},
		{new(duration), "1h30m", "1h30m"},
		{new(duration), "0", "0s"},
		{new(duration), "-1s", ""},
		{new(duration), "10", ""},
		{new(size), "64KiB", "64KiB"},
		{new(size), "1GiB", "1GiB"},
		{new(size), "1.5MiB", "1536KiB"},
		{new(size), "4096", "4KiB"},
		{new(size), "500MB", "500000000"},
		{new(size), "0", "0"},
		{new(size), "many", ""},
		{new(size), "-1", ""},
		{new(bandwidth), "10MiB/s", "10MiB/s"},
		{new(bandwidth), "10MiB", "10MiB/s"},
		{new(bandwidth), "0", "0"},
		{new(bandwidth), "fast", ""},
		{new(limit), "100,50%", "100,50%"},
		{new(limit), "10%", "10%"},
		{new(limit), "7", "7"},
		{new(limit), "101%", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			err := c.into.UnmarshalText([]byte(c.text))
			switch {
			case c.want == "" && err == nil:
				t.Errorf("got %v, want a refusal", c.into)
			case c.want != "" && (err != nil || c.into.String() != c.want):
				t.Errorf("got %v, %v, want %s", c.into, err, c.want)
			}
		})
	}
}
