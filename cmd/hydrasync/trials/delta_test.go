package trials

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// overwrite writes in place, as databases do.
func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// saveOver replaces a file as editors do.
func saveOver(t *testing.T, path string, b []byte) {
	t.Helper()
	temp := filepath.Join(filepath.Dir(filepath.Dir(path)), "temp")
	if err := errors.Join(os.WriteFile(temp, b, 0o644), os.Rename(temp, path)); err != nil {
		t.Fatal(err)
	}
}

// metric reads one figure of the capitol's /metrics.
func (r *rig) metric(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + r.proxy.to + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(page)
	if err != nil || line == nil {
		t.Fatalf("no %s in /metrics: %v", name, err)
	}
	v, err := strconv.ParseFloat(string(line[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAnEditedLargeFileCostsWhatWasEdited(t *testing.T) {
	const size = 64 << 20
	r := newRig(t)
	big := filepath.Join(r.src, "big")
	random(t, big, size)
	r.start(t)
	r.mustBecomeEqual(t)
	body, err := os.ReadFile(big)
	if err != nil {
		t.Fatal(err)
	}
	fresh := slices.Clone(body[5<<20:][:64<<10])
	slices.Reverse(fresh)
	for _, edit := range []struct {
		name string
		do   func()
	}{
		{"64 KiB in the middle", func() { overwrite(t, big, size/2, fresh) }},
		{"an insertion near the front", func() { saveOver(t, big, slices.Insert(body, 1<<20, fresh...)) }},
		{"an append", func() { overwrite(t, big, int64(len(body))+64<<10, fresh) }},
		{"what follows an append", func() { overwrite(t, big, 7<<20, []byte("edited")) }},
		{"a capitol without its lists", func() {
			r.capitol.Stop(t)
			lists, err := filepath.Glob(filepath.Join(r.state, "*", "chunks"))
			if err != nil || len(lists) != 1 {
				t.Fatalf("lists %v, %v", lists, err)
			}
			if err := os.RemoveAll(lists[0]); err != nil {
				t.Fatal(err)
			}
			overwrite(t, big, 9<<20, []byte("edited again"))
			r.capitol.Again(t)
		}},
		{"a city without its lists", func() {
			r.city.Stop(t)
			if err := os.RemoveAll(filepath.Join(r.dst, ".hydrasync", "chunks")); err != nil {
				t.Fatal(err)
			}
			overwrite(t, big, 11<<20, []byte("edited again"))
			r.city.Again(t)
		}},
		{"truncation", func() {
			if err := os.Truncate(big, size/2); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		r.proxy.down.Store(0)
		edit.do()
		r.mustBecomeEqual(t)
		r.sent(t, 1<<20, edit.name)
	}
	if r.metric(t, "hydrasync_chunk_lists_sent_bytes_total") == 0 {
		t.Error("no list was ever sent")
	}
}
