package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzConfig: a file is read or refused with words that any terminal can show.
func FuzzConfig(f *testing.F) {
	sample, err := os.ReadFile("sample.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	for _, text := range []string{"", "state = 1", "[[tree]]\nname = \"a\"\ndir = \"/\"\ndebounce = \"1y\"", "\"\\u001b[31m\" = 1",
		"[[tree]]\nname = \"\\u001b\"", "\xff = 1", "[serve]\nlisten = \"\\u202e\"", "a.\"\x07\".b = {", "x = 99999999999999999999"} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "hydrasync.toml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readConfig(path, ""); err != nil {
			for _, said := range []string{err.Error(), hintOf(err)} {
				if !showable(said) {
					t.Errorf("%q is refused with %q", text, said)
				}
			}
		}
	})
}

func showable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) })
}

// FuzzQuantities: what is read is read again from what is shown.
func FuzzQuantities(f *testing.F) {
	for _, s := range []string{"20ms", "64KiB", "10MiB/s", "1h", "-1s", "0", "1e9GiB", "9223372036854775807", "0.5KiB", "\x1b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d, d2 duration
		if err := d.Set(s); err == nil && (d2.Set(d.String()) != nil || d != d2) {
			t.Errorf("duration %q is %v, which is read as %v", s, d, d2)
		} else if err != nil && !showable(err.Error()) {
			t.Errorf("duration %q is refused with %q", s, err)
		}
		var n size
		if err := n.Set(s); err == nil && n < 0 {
			t.Errorf("size %q is %d", s, n)
		} else if err != nil && !showable(err.Error()) {
			t.Errorf("size %q is refused with %q", s, err)
		}
		var r bandwidth
		if err := r.Set(s); err == nil && r.size < 0 {
			t.Errorf("rate %q is %d", s, r.size)
		} else if err != nil && !showable(err.Error()) {
			t.Errorf("rate %q is refused with %q", s, err)
		}
	})
}
