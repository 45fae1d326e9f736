package stream_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hydrasync/hydrasync/stream"
)

// digestOf is what a capitol answers about some sub_dirs.
type digestOf struct {
	Epoch, Digest string
	Seq           uint64
	Missing       []string
}

func askDigest(t *testing.T, c *capitol, subDirs ...string) (a digestOf) {
	t.Helper()
	status, body, _ := ask(t, c, "/v1/trees/src/digest?"+url.Values{"sub_dir": subDirs}.Encode())
	if err := json.Unmarshal([]byte(body), &a); status != 200 || err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return a
}

func TestTheDigestOfSubDirsIsOfWhatACityOfThemHolds(t *testing.T) {
	c := newCapitol(t)
	for _, dir := range []string{"a", "a/b", "a/b/deep", "a/c", "d", "\xff", "\xff/x"} {
		c.mkdir(dir)
		c.write(dir+"/f", filled(10, 1))
	}
	c.write("a/file", filled(10, 1))
	for name, dirs := range map[string][]string{
		"the whole tree":       nil,
		"at the root":          {"d"},
		"beneath others":       {"a/b", "a/c"},
		"one inside another":   {"a", "a/b"},
		"a name of bytes":      {"\xff/x"},
		"a file":               {"a/file"},
		"one that is not":      {"d", "no\nsuch"},
		"one that is not, low": {"a/no"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newCity(t, c.url, func(cfg *stream.ClientConfig) { cfg.SubDirs = dirs })
			m.run()
			m.inStep(c)
			got, pos := askDigest(t, c, dirs...), c.j.Position()
			if got.Digest != m.digest().String() || got.Epoch != pos.Epoch.String() || got.Seq != uint64(pos.Seq) {
				t.Errorf("got %+v, want %v at %v: the city has %d nodes", got, m.digest(), pos, len(m.nodes))
			}
			var missing []string
			for _, dir := range dirs {
				if strings.Contains(dir, "no") {
					missing = append(missing, stream.Display(dir))
				}
			}
			if !slices.Equal(got.Missing, missing) {
				t.Errorf("missing %q, want %q", got.Missing, missing)
			}
		})
	}
}

func TestADigestOfWhatNoTreeCanHaveIsRefused(t *testing.T) {
	c := newCapitol(t)
	for _, query := range []string{"sub_dir=", "sub_dir=..", "sub_dir=/etc", "sub_dir=a/", "sub_dir=a&sub_dir=a/../b",
		strings.Repeat("sub_dir=a&", stream.MaxSubDirs+1)} {
		if status, body, _ := ask(t, c, "/v1/trees/src/digest?"+query); status != 400 {
			t.Errorf("%q: %d %s", clipped(query), status, body)
		}
	}
	if status, body, _ := ask(t, c, "/v1/trees/other/digest"); status != 404 {
		t.Errorf("a tree that is not: %d %s", status, body)
	}
}

func clipped(s string) string { return s[:min(len(s), 40)] }
