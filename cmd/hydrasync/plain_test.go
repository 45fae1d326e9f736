package main

import (
	"encoding/json"
	"testing"
)

func TestJSONIsPlainAndMeansTheSame(t *testing.T) {
	for _, s := range []string{"plain", "ünï ☂", "\x1b[31m", "\x7f", "\u009b31m", "\u202etxt", "\U000e0041", "\ufeff", "a\xffb", "\u2028"} {
		text, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		plain := plainJSON(string(text))
		if !showable(plain) {
			t.Errorf("%q is written %q", s, plain)
		}
		var want, got map[string]string
		if json.Unmarshal(text, &want) != nil || json.Unmarshal([]byte(plain), &got) != nil {
			t.Errorf("%q is written %q", s, plain)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%q: %q means %q", s, plain, got)
			}
		}
	}
}
